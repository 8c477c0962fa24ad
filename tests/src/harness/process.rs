//! Starting our programs and waiting for things to happen.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The path of one of our programs, built into the same directory as the running test or tool.
/// A missing program is a failure of the build, never a reason to skip.
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the running program has a path");
    let found = own.ancestors().skip(1).map(|dir| dir.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not built: run 'cargo build --workspace --bins' first"))
}

/// What a command printed and how it ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit status; -1 when a signal ended it.
    pub status: i32,
    /// How long it took.
    pub took: Duration,
}

impl Finished {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        let start = Instant::now();
        let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        Self::from_output(&output, start.elapsed())
    }

    fn from_output(output: &Output, took: Duration) -> Self {
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            status: output.status.code().unwrap_or(-1),
            took,
        }
    }

    /// The output as JSON; fails the test when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}\nstderr: {}", self.stdout, self.stderr))
    }
}

/// What a command shows on a terminal, as bytes for it; `None` when there is no program that makes one.
pub fn on_terminal(command: &Command) -> Option<String> {
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_string_lossy());
    let words: Vec<String> = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    let shown = Command::new("script").args(["-qec", &words.join(" "), "/dev/null"]).output().ok()?;
    Some(String::from_utf8_lossy(&shown.stdout).into_owned())
}

/// How much longer than on an idle machine anything may take on a busy one.
const PATIENCE: u32 = 6;

/// Waits until `done` gives something, asking every 10 ms; `None` when `time`, meant for an idle machine, is over
/// several times.
pub fn wait_until<T>(time: Duration, mut done: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + time * PATIENCE;
    loop {
        if let Some(value) = done() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
