//! `cmd.run` and its like.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Facts, FromValue, Outcome};
use fleet_common::render::{Scope, Template};
use fleet_common::value::{Map, Value};

use super::options::{Options, Run};
use super::words::{quote, split_words};
use crate::cx::{Act, Look};
use crate::system::command::{Command, CommandError, RunAs};

args! {
    /// Arguments of `cmd.run_chroot`.
    pub struct Chroot {
        /// The root directory.
        root: String,
        /// The command.
        cmd: String,
        /// Directory below the root to start in.
        cwd: Option<String> = None,
        /// Text for its standard input.
        stdin: Option<String> = None,
        /// Shell below the root.
        shell: String = "/bin/sh".to_owned(),
        /// Variables to set.
        env: Value = Value::Null,
        /// Seconds until it is ended.
        timeout: Option<f64> = None,
    }
}

/// What a command left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Process id it had.
    pub pid: u32,
    /// Its status, 0 when it counts as success.
    pub status: i32,
    /// Its output as text.
    pub stdout: String,
    /// Its error output as text.
    pub stderr: String,
}

impl Answer {
    /// The mapping that `cmd.run_all` returns.
    pub fn into_map(self) -> Map {
        Map::from_iter([
            ("pid", Value::from(self.pid)),
            ("retcode", Value::from(self.status)),
            ("stdout", Value::from(self.stdout)),
            ("stderr", Value::from(self.stderr)),
        ])
    }
}

pub(super) fn run(act: &Act, arguments: Arguments) -> CallResult {
    let typed = is_typed(&arguments);
    let args = Run::bind("cmd.run", arguments)?;
    let options = Options { merge: args.redirect_stderr, ..args.options(typed)? };
    if args.bg {
        start(act, &args.cmd, &options)?;
        return Ok("".into());
    }
    let answer = execute(act, &args.cmd, &options)?;
    if args.raise_err && answer.status != 0 {
        return Err(CallError::Failed(answer.stdout));
    }
    Ok(outcome(answer.stdout.into(), answer.status, &options))
}

pub(super) fn run_all(act: &Act, arguments: Arguments) -> CallResult {
    let typed = is_typed(&arguments);
    let by_name = arguments.keyword.get("redirect_stderr").is_some_and(Value::truthy);
    let args = Run::bind("cmd.run_all", arguments)?;
    let options = Options { merge: by_name, ..args.options(typed)? };
    let answer = execute(act, &args.cmd, &options)?;
    let status = answer.status;
    Ok(outcome(answer.into_map().into(), status, &options))
}

pub(super) fn run_stdout(act: &Act, arguments: Arguments) -> CallResult {
    let typed = is_typed(&arguments);
    let args = Run::bind("cmd.run_stdout", arguments)?;
    let options = args.options(typed)?;
    let answer = execute(act, &args.cmd, &options)?;
    Ok(outcome(answer.stdout.into(), answer.status, &options))
}

pub(super) fn run_stderr(act: &Act, arguments: Arguments) -> CallResult {
    let typed = is_typed(&arguments);
    let args = Run::bind("cmd.run_stderr", arguments)?;
    let options = args.options(typed)?;
    let answer = execute(act, &args.cmd, &options)?;
    Ok(outcome(answer.stderr.into(), answer.status, &options))
}

pub(super) fn retcode(act: &Act, arguments: Arguments) -> CallResult {
    let typed = is_typed(&arguments);
    let args = Run::bind("cmd.retcode", arguments)?;
    let options = args.options(typed)?;
    let status = execute(act, &args.cmd, &options)?.status;
    Ok(outcome(status.into(), status, &options))
}

pub(super) fn shell(act: &Act, arguments: Arguments) -> CallResult {
    let args = Run::bind("cmd.shell", arguments)?;
    let options = Options { merge: true, python_shell: true, ..args.options(true)? };
    let answer = execute(act, &args.cmd, &options)?;
    Ok(outcome(answer.stdout.into(), answer.status, &options))
}

pub(super) fn run_bg(act: &Act, arguments: Arguments) -> CallResult {
    let typed = is_typed(&arguments);
    let args = Run::bind("cmd.run_bg", arguments)?;
    let pid = start(act, &args.cmd, &args.options(typed)?)?;
    Ok(Map::from_iter([("pid", pid)]).into())
}

pub(super) fn run_chroot(act: &Act, arguments: Arguments) -> CallResult {
    let args = Chroot::bind("cmd.run_chroot", arguments)?;
    if !Path::new(&args.root).is_dir() {
        return Err(CallError::Failed(format!("The root directory {} does not exist", args.root)));
    }
    // Mounts live in a name space of their own and end with the command, however it ends.
    let script = "for d in dev proc sys; do mkdir -p \"$1/$d\" && mount --rbind \"/$d\" \"$1/$d\" || exit 125; done; \
                  exec chroot \"$1\" \"$2\" -c \"cd \\\"\\$0\\\" && $3\" \"$4\"";
    let cwd = args.cwd.unwrap_or_else(|| "/".to_owned());
    let words = ["unshare", "--mount", "/bin/sh", "-c", script, "sh", &args.root, &args.shell, &args.cmd, &cwd];
    let list: Value = words.iter().copied().collect();
    let options = Options {
        stdin: args.stdin,
        env: super::options::settings(&args.env)?,
        timeout: args.timeout,
        merge: true,
        ..Options::default()
    };
    let answer = execute(act, &list, &options)?;
    Ok(outcome(answer.stdout.into(), answer.status, &options))
}

/// True for a call that an operator typed: jobs and foreground calls carry `__pub_` arguments, templates do not.
pub(super) fn is_typed(arguments: &Arguments) -> bool {
    arguments.keyword.contains("__pub_jid")
}

pub(super) fn outcome(value: Value, status: i32, options: &Options) -> Outcome {
    Outcome::with_status(value, if options.ignore_retcode { 0 } else { status })
}

/// Runs a command (a line or a list of words) to its end.
///
/// A status that counts as success is returned as 0. A command whose time is up answers status 1 and says so as its output.
pub fn execute(act: &Act, cmd: &Value, options: &Options) -> Result<Answer, CallError> {
    let (command, shown) = command(act, cmd, options)?;
    let finished = command.run_to_any_end().map_err(|error| describe(error, cmd, options))?;
    if finished.timed_out {
        let seconds = options.timeout.unwrap_or_default();
        let stdout = format!("{shown} : Timed out after {seconds} seconds");
        return Ok(Answer { pid: finished.pid, status: 1, stdout, stderr: String::new() });
    }
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        if options.keep_end { text.into_owned() } else { text.trim_end().to_owned() }
    };
    let (mut stdout, stderr) = (text(&finished.stdout), text(&finished.stderr));
    let succeeded = options.success_retcodes.contains(&i64::from(finished.status))
        || options.success_stdout.contains(&stdout)
        || options.success_stderr.contains(&stderr);
    let status = if succeeded { 0 } else { finished.status };
    if finished.cut {
        stdout.push_str("\n[the rest of the output was dropped: it is longer than 8 MiB]");
    }
    let hidden = |text: String| if options.hide_output { String::new() } else { text };
    Ok(Answer { pid: finished.pid, status, stdout: hidden(stdout), stderr: hidden(stderr) })
}

fn start(act: &Act, cmd: &Value, options: &Options) -> Result<u32, CallError> {
    let (command, _) = command(act, cmd, options)?;
    command.start_detached().map_err(|error| describe(error, cmd, options))
}

/// The command as it will run, and as a person would write it.
fn command(act: &Act, cmd: &Value, options: &Options) -> Result<(Command, String), CallError> {
    let shell = shell_path(act, options)?;
    let identity = options.runas.as_deref().map(RunAs::account).transpose().map_err(failed)?;
    let identity = match (&options.group, identity) {
        (Some(group), Some(identity)) => Some(identity.with_group(group).map_err(failed)?),
        (Some(group), None) => Some(own_identity(act)?.with_group(group).map_err(failed)?),
        (None, identity) => identity,
    };
    let cwd = directory(act, options, identity.as_ref())?;
    let cmd = rendered(act, cmd, options)?;
    let (mut command, shown) = match (&cmd, options.python_shell) {
        (Value::List(items), false) => {
            let words = words(items)?;
            (Command::argv(&words), words.join(" "))
        }
        (Value::List(items), true) => {
            let line = words(items)?.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
            (Command::shell(&shell, &line), line)
        }
        (line, true) => {
            let line = text(line)?;
            (Command::shell(&shell, &line), line)
        }
        (line, false) => {
            let line = text(line)?;
            (Command::argv(split_words(&line)?), line)
        }
    };
    command = command.cwd(cwd);
    if options.clean_env {
        command = command.clean_env();
    } else {
        command = act.environment().apply(command);
    }
    if !options.keep_locale {
        command = locale(act, command, options);
    }
    for (name, value) in &options.env {
        command = command.env(name, Some(OsStr::new(value)));
    }
    if let Some(first) = &options.prepend_path {
        let path = options.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
        let path = path.or_else(|| act.environment().get("PATH")).unwrap_or_default();
        command = command.env("PATH", Some(OsStr::new(&format!("{first}:{path}"))));
    }
    if let Some(identity) = identity {
        command = command.run_as(identity);
    }
    if let Some(mask) = options.umask {
        command = command.umask(mask);
    }
    if let Some(seconds) = options.timeout {
        command = command.timeout_seconds(seconds);
    }
    if let Some(stdin) = &options.stdin {
        command = command.stdin(stdin.as_bytes());
    }
    Ok((if options.merge { command.merge_stderr() } else { command }, shown))
}

fn failed(error: CommandError) -> CallError {
    CallError::Failed(error.to_string())
}

fn shell_path(act: &Act, options: &Options) -> Result<String, CallError> {
    let grain = || act.grains().get("shell").and_then(Value::as_str).map(str::to_owned);
    let shell = options.shell.clone().or_else(grain).unwrap_or_else(|| "/bin/sh".to_owned());
    if crate::system::command::which(&shell, act.environment().get("PATH").as_deref().map(OsStr::new)).is_none() {
        return Err(CallError::Failed(format!("The shell {shell} is not available")));
    }
    Ok(shell)
}

fn own_identity(act: &Look) -> Result<RunAs, CallError> {
    let uid = rustix::process::geteuid().as_raw();
    let account = crate::system::user::Accounts::system().account_by_uid(uid);
    let account = account.ok_or_else(|| CallError::Failed(format!("{} has no account", act.id())))?;
    RunAs::account(&account.name).map_err(failed)
}

fn directory(act: &Act, options: &Options, identity: Option<&RunAs>) -> Result<PathBuf, CallError> {
    if let Some(cwd) = &options.cwd {
        let path = PathBuf::from(cwd);
        if !path.is_absolute() || !path.is_dir() {
            return Err(CallError::Failed(format!("Specified cwd '{cwd}' either not absolute or does not exist")));
        }
        return Ok(path);
    }
    let home =
        identity.map(|identity| identity.home.clone()).or_else(|| act.environment().get("HOME").map(PathBuf::from));
    Ok(home.filter(|home| home.is_absolute() && std::fs::read_dir(home).is_ok()).unwrap_or_else(|| PathBuf::from("/")))
}

/// Messages of programs in English; what the job or the system sets stays.
fn locale(act: &Act, mut command: Command, options: &Options) -> Command {
    const NAMES: &[&str] = &[
        "LC_CTYPE",
        "LC_NUMERIC",
        "LC_TIME",
        "LC_COLLATE",
        "LC_MONETARY",
        "LC_MESSAGES",
        "LC_PAPER",
        "LC_NAME",
        "LC_ADDRESS",
        "LC_TELEPHONE",
        "LC_MEASUREMENT",
        "LC_IDENTIFICATION",
        "LANGUAGE",
    ];
    for name in NAMES {
        if options.clean_env || act.environment().get(name).is_none() {
            command = command.env(name, Some(OsStr::new("C")));
        }
    }
    command
}

fn rendered(act: &Act, cmd: &Value, options: &Options) -> Result<Value, CallError> {
    match options.template.as_deref() {
        None | Some("") => Ok(cmd.clone()),
        Some("jinja") => {
            let line = text(cmd)?;
            let template = Template { text: &line, path: "<command>", sls: None };
            render(act, &template, options.saltenv.as_deref(), Map::new()).map(Value::from)
        }
        Some(other) => {
            Err(CallError::Failed(format!("Attempted to render file paths with unavailable engine {other}")))
        }
    }
}

/// Renders a text for a command or a script.
pub(super) fn render(
    act: &Act,
    template: &Template<'_>,
    saltenv: Option<&str>,
    context: Map,
) -> Result<String, CallError> {
    let scope = Scope { saltenv: saltenv.unwrap_or("base").to_owned(), facts: Arc::new(act.look().clone()), context };
    act.renderer().text(&scope, template).map_err(CallError::Diagnostic)
}

fn text(value: &Value) -> Result<String, CallError> {
    String::from_value(value.clone())
        .map_err(|value| CallError::Invocation(format!("a command is a text or a list of words, not {}", value.kind())))
}

fn words(items: &[Value]) -> Result<Vec<String>, CallError> {
    items.iter().map(text).collect()
}

/// Says which command could not run; neither its environment nor its input are told, they may be secrets.
fn describe(error: CommandError, cmd: &Value, options: &Options) -> CallError {
    let CommandError::Start { source, .. } = error else { return failed(error) };
    let shown = match cmd {
        Value::Str(text) => split_words(text).map_or_else(|_| text.clone(), |words| format!("{words:?}")),
        other => text(other)
            .unwrap_or_else(|_| format!("{:?}", words(other.as_list().unwrap_or_default()).unwrap_or_default())),
    };
    let cwd = options.cwd.as_deref().unwrap_or("~");
    let why = crate::system::fs::plain(&source);
    CallError::Failed(format!("Unable to run command '{shown}' with the context 'cwd: {cwd}', reason: {why}"))
}
