//! `cmd.*`: programs and scripts, with or without a shell.

mod find;
mod options;
mod run;
mod script;
mod words;

pub use options::{Options, Setting};
pub use run::{Answer, execute};
pub use words::{quote, split_words};

use fleet_common::call::Function;

use crate::cx::Module;

/// The module.
pub const MODULE: Module = Module {
    name: "cmd",
    doc: "Programs and scripts, with or without a shell.",
    functions: &[
        Function::changes(
            "run",
            "Runs a command and returns what it wrote, both streams in order.\n\nAs a job it goes through a shell; from templates and other functions it is split into words, unless python_shell says otherwise.",
            "cmd.run 'ls -l | tail -n 1' cwd=/etc",
            options::Run::ROWS,
            run::run,
        ),
        Function::changes(
            "run_all",
            "Runs a command and returns a mapping of pid, retcode, stdout and stderr.",
            "cmd.run_all 'ls -l /nonexistent'",
            options::Run::ROWS,
            run::run_all,
        ),
        Function::changes(
            "run_stdout",
            "Runs a command and returns what it wrote to its standard output.",
            "cmd.run_stdout 'ls -l'",
            options::Run::ROWS,
            run::run_stdout,
        ),
        Function::changes(
            "run_stderr",
            "Runs a command and returns what it wrote to its error stream.",
            "cmd.run_stderr 'ls -l /nonexistent'",
            options::Run::ROWS,
            run::run_stderr,
        ),
        Function::changes(
            "retcode",
            "Runs a command and returns its exit status.",
            "cmd.retcode 'test -e /etc/hosts'",
            options::Run::ROWS,
            run::retcode,
        ),
        Function::changes(
            "shell",
            "Runs a line in a shell and returns what it wrote, both streams in order.",
            "cmd.shell 'echo $((1 + 1))'",
            options::Run::ROWS,
            run::shell,
        ),
        Function::changes(
            "run_bg",
            "Starts a command, does not wait, and returns its pid.",
            "cmd.run_bg 'sleep 60'",
            options::Run::ROWS,
            run::run_bg,
        ),
        Function::changes(
            "run_chroot",
            "Runs a command below another root directory with /dev, /proc and /sys of this system.",
            "cmd.run_chroot /var/lib/image 'ls /'",
            run::Chroot::ROWS,
            run::run_chroot,
        ),
        Function::changes(
            "script",
            "Fetches a script (salt://, a path), runs it and returns pid, retcode, stdout and stderr.",
            "cmd.script salt://scripts/setup.sh args='one two'",
            options::Script::ROWS,
            script::script,
        ),
        Function::changes(
            "script_retcode",
            "Fetches a script, runs it and returns its exit status.",
            "cmd.script_retcode salt://scripts/check.sh",
            options::Script::ROWS,
            script::script_retcode,
        ),
        Function::changes(
            "exec_code",
            "Runs a piece of code with an interpreter and returns what it wrote to its standard output.",
            "cmd.exec_code sh 'echo hello'",
            script::Code::ROWS,
            script::exec_code,
        ),
        Function::changes(
            "exec_code_all",
            "Runs a piece of code with an interpreter and returns pid, retcode, stdout and stderr.",
            "cmd.exec_code_all sh 'echo hello'",
            script::Code::ROWS,
            script::exec_code_all,
        ),
        Function::reads("which", "The path of a program, or nothing.", "cmd.which cat", find::One::ROWS, find::which)
            .quick(),
        Function::reads(
            "which_bin",
            "The path of the first of several programs that is there, or nothing.",
            "cmd.which_bin '[apt-get, dnf, yum]'",
            find::Several::ROWS,
            find::which_bin,
        )
        .quick(),
        Function::reads("has_exec", "True if a program is there.", "cmd.has_exec cat", find::One::ROWS, find::has_exec)
            .quick(),
        Function::reads("shells", "The login shells of this system.", "cmd.shells", find::Nothing::ROWS, find::shells)
            .quick(),
        Function::changes(
            "tty",
            "Writes a line to a terminal device.",
            "cmd.tty tty0 'going down in a minute'",
            find::Tty::ROWS,
            find::tty,
        ),
    ],
};
