//! `supervisord.*`: processes that Supervisor runs, through `supervisorctl`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::{ArgRow, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look, Module};
use crate::system::command::{Command, RunAs, which};
use crate::system::fs::read_bounded;

/// Where distributions put its configuration.
const CONFIGS: &[&str] =
    &["/etc/supervisor/supervisord.conf", "/etc/supervisord.conf", "/etc/supervisord/supervisord.conf"];
/// The largest configuration.
const LIMIT: u64 = 1 << 20;
/// What it calls the states of a process.
const STATES: &[&str] = &["STOPPED", "STARTING", "RUNNING", "BACKOFF", "STOPPING", "EXITED", "FATAL", "UNKNOWN"];

/// The module.
pub const MODULE: Module = Module {
    name: "supervisord",
    doc: "Processes that Supervisor runs.",
    functions: &[
        order("start", "Starts processes.", "supervisord.start web conf_file=/etc/supervisord.conf", |act, a| {
            named(act, "start", All::bind("supervisord.start", a)?)
        }),
        order("restart", "Stops and starts processes.", "supervisord.restart web", |act, a| {
            named(act, "restart", All::bind("supervisord.restart", a)?)
        }),
        order("stop", "Stops processes.", "supervisord.stop web", |act, a| {
            named(act, "stop", All::bind("supervisord.stop", a)?)
        }),
        Function::changes(
            "add",
            "Takes a process or group of the configuration into service.",
            "supervisord.add web",
            One::ROWS,
            |act, arguments| {
                let One { name, user, conf_file, bin_env } = One::bind("supervisord.add", arguments)?;
                let tool = Tool { user, conf_file, bin_env };
                Ok(tool.change(act, &["add", plain(&name).trim_end_matches(':')])?.into())
            },
        ),
        Function::changes(
            "remove",
            "Takes a stopped process or group out of service.",
            "supervisord.remove web",
            One::ROWS,
            |act, arguments| {
                let One { name, user, conf_file, bin_env } = One::bind("supervisord.remove", arguments)?;
                let tool = Tool { user, conf_file, bin_env };
                Ok(tool.change(act, &["remove", plain(&name).trim_end_matches(':')])?.into())
            },
        ),
        Function::changes(
            "reread",
            "Has the daemon read its configuration; nothing is started or stopped.",
            "supervisord.reread",
            Any::ROWS,
            |act, arguments| Ok(Tool::of(Any::bind("supervisord.reread", arguments)?).change(act, &["reread"])?.into()),
        ),
        Function::changes(
            "update",
            "Has the daemon read its configuration and restart what changed in it.",
            "supervisord.update",
            Update::ROWS,
            |act, arguments| {
                let Update { user, conf_file, bin_env, name } = Update::bind("supervisord.update", arguments)?;
                let tool = Tool { user, conf_file, bin_env };
                let words: Vec<&str> = std::iter::once("update").chain(name.as_deref().map(plain)).collect();
                Ok(tool.change(act, &words)?.into())
            },
        ),
        Function::changes(
            "custom",
            "Gives `supervisorctl` a command as it stands, and returns what it says.",
            "supervisord.custom 'mstart web*'",
            Custom::ROWS,
            |act, arguments| {
                let Custom { command, user, conf_file, bin_env } = Custom::bind("supervisord.custom", arguments)?;
                let words: Vec<&str> = command.split_whitespace().collect();
                Ok(Tool { user, conf_file, bin_env }.change(act, &words)?.into())
            },
        ),
        Function::reads(
            "status",
            "States of processes, and what is said of each.",
            "supervisord.status web",
            Maybe::ROWS,
            |_, arguments| {
                let (tool, name) = Maybe::bind("supervisord.status", arguments)?.split();
                let processes = tool.status(name.as_deref())?.into_iter();
                let shown = |(name, process): (String, Process)| {
                    let Process { state, reason } = process;
                    (name, Map::from_iter([("state", state), ("reason", reason)]))
                };
                Ok(processes.map(shown).collect::<Map>().into())
            },
        ),
        Function::reads(
            "status_raw",
            "What `supervisorctl status` prints.",
            "supervisord.status_raw",
            Maybe::ROWS,
            |_, arguments| {
                let (tool, name) = Maybe::bind("supervisord.status_raw", arguments)?.split();
                Ok(tool.status_text(name.as_deref())?.into())
            },
        ),
        Function::reads(
            "status_bool",
            "True if a process is in a state, `RUNNING` unless another is named.",
            "supervisord.status_bool web expected_state=STOPPED",
            Expected::ROWS,
            |_, arguments| {
                let Expected { name, expected_state, user, conf_file, bin_env } =
                    Expected::bind("supervisord.status_bool", arguments)?;
                let found = Tool { user, conf_file, bin_env }.status(Some(&name))?;
                let wanted = expected_state.as_deref().unwrap_or("RUNNING");
                Ok(found.get(plain(&name)).is_some_and(|process| process.state == wanted).into())
            },
        ),
        Function::reads(
            "options",
            "What the configuration says of a program.",
            "supervisord.options web",
            Options::ROWS,
            options,
        ),
    ],
};

const fn order(
    name: &'static str,
    doc: &'static str,
    example: &'static str,
    code: fn(&Act, fleet_common::call::Arguments) -> CallResult,
) -> Function<Look, Act> {
    const ROWS: &[ArgRow] = All::ROWS;
    Function::changes(name, doc, example, ROWS, code)
}

fn named(act: &Act, order: &str, all: All) -> CallResult {
    let All { name, user, conf_file, bin_env } = all;
    Ok(Tool { user, conf_file, bin_env }.change(act, &[order, plain(&name)])?.into())
}

args! {
    /// Processes, and how to reach their daemon.
    pub struct All {
        /// A process, a group (`group:`), or `all`.
        name: String = "all".to_owned(),
        /// The account that runs `supervisorctl`.
        user: Option<String> = None,
        /// The configuration of Supervisor.
        conf_file: Option<String> = None,
        /// `supervisorctl`, or the virtual environment it is in.
        bin_env: Option<String> = None,
    }
}

args! {
    /// A process, and how to reach its daemon.
    pub struct One {
        /// A process or group.
        name: String,
        /// The account that runs `supervisorctl`.
        user: Option<String> = None,
        /// The configuration of Supervisor.
        conf_file: Option<String> = None,
        /// `supervisorctl`, or the virtual environment it is in.
        bin_env: Option<String> = None,
    }
}

args! {
    /// How to reach a daemon.
    pub struct Any {
        /// The account that runs `supervisorctl`.
        user: Option<String> = None,
        /// The configuration of Supervisor.
        conf_file: Option<String> = None,
        /// `supervisorctl`, or the virtual environment it is in.
        bin_env: Option<String> = None,
    }
}

args! {
    /// Arguments of `supervisord.update`.
    pub struct Update {
        /// The account that runs `supervisorctl`.
        user: Option<String> = None,
        /// The configuration of Supervisor.
        conf_file: Option<String> = None,
        /// `supervisorctl`, or the virtual environment it is in.
        bin_env: Option<String> = None,
        /// Only this group.
        name: Option<String> = None,
    }
}

args! {
    /// Arguments of `supervisord.custom`.
    pub struct Custom {
        /// The command and its words, between blanks.
        command: String,
        /// The account that runs `supervisorctl`.
        user: Option<String> = None,
        /// The configuration of Supervisor.
        conf_file: Option<String> = None,
        /// `supervisorctl`, or the virtual environment it is in.
        bin_env: Option<String> = None,
    }
}

args! {
    /// Arguments of the functions that ask for states.
    pub struct Maybe {
        /// A process or group; all by default.
        name: Option<String> = None,
        /// The account that runs `supervisorctl`.
        user: Option<String> = None,
        /// The configuration of Supervisor.
        conf_file: Option<String> = None,
        /// `supervisorctl`, or the virtual environment it is in.
        bin_env: Option<String> = None,
    }
}

args! {
    /// Arguments of `supervisord.status_bool`.
    pub struct Expected {
        /// The process.
        name: String,
        /// The state; `RUNNING` by default.
        expected_state: Option<String> = None,
        /// The account that runs `supervisorctl`.
        user: Option<String> = None,
        /// The configuration of Supervisor.
        conf_file: Option<String> = None,
        /// `supervisorctl`, or the virtual environment it is in.
        bin_env: Option<String> = None,
    }
}

args! {
    /// Arguments of `supervisord.options`.
    pub struct Options {
        /// The program.
        name: String,
        /// The configuration of Supervisor.
        conf_file: Option<String> = None,
    }
}

impl Maybe {
    fn split(self) -> (Tool, Option<String>) {
        (Tool { user: self.user, conf_file: self.conf_file, bin_env: self.bin_env }, self.name)
    }
}

/// How a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// `RUNNING`, `STOPPED`, …
    pub state: String,
    /// Its process id and age, or why it does not run.
    pub reason: String,
}

impl Process {
    /// True if it runs or is about to.
    pub fn is_up(&self) -> bool {
        matches!(self.state.as_str(), "RUNNING" | "STARTING")
    }
}

/// `supervisorctl`, and how it reaches its daemon.
#[derive(Debug, Clone)]
pub struct Tool {
    /// The account that runs it.
    pub user: Option<String>,
    /// The configuration.
    pub conf_file: Option<String>,
    /// The program, or the virtual environment it is in.
    pub bin_env: Option<String>,
}

/// A name without the star of `group:*`, which the tool and its answers do without.
pub fn plain(name: &str) -> &str {
    if name.ends_with(":*") { &name[..name.len() - 1] } else { name }
}

impl Tool {
    fn of(any: Any) -> Self {
        Self { user: any.user, conf_file: any.conf_file, bin_env: any.bin_env }
    }

    fn program(&self) -> Result<PathBuf, CallError> {
        match &self.bin_env {
            None => which("supervisorctl", std::env::var_os("PATH").as_deref()).ok_or_else(|| {
                CallError::Failed("supervisorctl is not on this machine: is Supervisor installed?".to_owned())
            }),
            Some(place) => {
                let place = Path::new(place);
                let found = if place.is_dir() { place.join("bin/supervisorctl") } else { place.to_owned() };
                let missing = || CallError::Failed(format!("there is no supervisorctl at {}", found.display()));
                if found.is_file() { Ok(found) } else { Err(missing()) }
            }
        }
    }

    fn run(&self, words: &[&str]) -> Result<crate::system::command::Finished, CallError> {
        let failed = |error: crate::system::command::CommandError| CallError::Failed(error.to_string());
        let mut argv = vec![self.program()?.into_os_string()];
        if let Some(file) = &self.conf_file {
            argv.extend(["-c".into(), file.into()]);
        }
        argv.extend(words.iter().map(Into::into));
        let mut command = Command::argv(argv).c_locale();
        if let Some(user) = &self.user {
            command = command.run_as(RunAs::account(user).map_err(failed)?);
        }
        command.run().map_err(failed)
    }

    /// Gives an order; what the tool says of it. Only a daemon that can't be reached is an error.
    pub fn change(&self, _act: &Act, words: &[&str]) -> Result<String, CallError> {
        let finished = self.run(words)?;
        let said = finished.out();
        reached(&said)?;
        Ok(if said.is_empty() { finished.err() } else { said })
    }

    fn status_text(&self, name: Option<&str>) -> Result<String, CallError> {
        let words: Vec<&str> = std::iter::once("status").chain(name.map(plain)).collect();
        let finished = self.run(&words)?;
        let said = finished.out();
        reached(&said)?;
        if said.is_empty() && finished.status != 0 { Err(CallError::Failed(finished.err())) } else { Ok(said) }
    }

    /// States of a process, of a group, or of all; those that the daemon does not know are not there.
    pub fn status(&self, name: Option<&str>) -> Result<BTreeMap<String, Process>, CallError> {
        Ok(parse(&self.status_text(name)?))
    }
}

/// Tells answers of the daemon from those of a tool that did not reach it.
fn reached(said: &str) -> Result<(), CallError> {
    let lost = ["unix://", "http://", "https://"].iter().any(|scheme| said.starts_with(scheme));
    if lost || said.starts_with("error: <class") {
        return Err(CallError::Failed(format!("supervisord does not answer: {said}")));
    }
    Ok(())
}

fn parse(said: &str) -> BTreeMap<String, Process> {
    let line = |line: &str| {
        let (name, rest) = line.split_once(char::is_whitespace)?;
        let (state, reason) = rest.trim_start().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
        let process = Process { state: state.to_owned(), reason: reason.trim().to_owned() };
        STATES.contains(&state).then(|| (name.to_owned(), process))
    };
    said.lines().filter_map(line).collect()
}

fn options(_: &Look, arguments: fleet_common::call::Arguments) -> CallResult {
    let Options { name, conf_file } = Options::bind("supervisord.options", arguments)?;
    let file =
        conf_file.or_else(|| CONFIGS.iter().find(|path| Path::new(path).exists()).map(|path| (*path).to_owned()));
    let file = file.ok_or_else(|| CallError::Failed(format!("there is none of {}", CONFIGS.join(", "))))?;
    let bytes = read_bounded(Path::new(&file), LIMIT).map_err(|fault| CallError::Failed(fault.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    let found = section(&text, &format!("program:{name}"));
    Ok(found.ok_or_else(|| CallError::Failed(format!("Process {name} not found")))?.into())
}

/// The settings of one section; whole numbers and truths as such.
fn section(text: &str, wanted: &str) -> Option<Map> {
    let (mut inside, mut found) = (false, None);
    let mut last: Option<String> = None;
    for line in text.lines() {
        let line = line.split(" ;").next().unwrap_or_default();
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with([';', '#']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = name == wanted;
            if inside {
                found.get_or_insert_with(Map::new);
            }
        } else if let Some(map) = found.as_mut().filter(|_| inside) {
            if line.starts_with([' ', '\t'])
                && let Some(Value::Str(text)) = last.as_ref().and_then(|key| map.get_mut(key))
            {
                text.push('\n');
                text.push_str(trimmed);
            } else if let Some((key, value)) = trimmed.split_once(['=', ':']) {
                last = Some(key.trim().to_owned());
                map.insert(key.trim(), typed(value.trim()));
            }
        }
    }
    found
}

fn typed(text: &str) -> Value {
    match text.to_ascii_lowercase().as_str() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::Int),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tool_prints_is_read() {
        let said = "one                              STOPPED   Not started\n\
                    two:two_0                        RUNNING   pid 26780, uptime 0:00:02\n\
                    three                            FATAL     Exited too quickly (process log may have details)\n\
                    nope: ERROR (no such process)\n";
        let found = parse(said);
        assert_eq!(found.len(), 3);
        assert_eq!(found["one"], Process { state: "STOPPED".to_owned(), reason: "Not started".to_owned() });
        assert!(found["two:two_0"].is_up() && !found["three"].is_up());
        assert!(reached(said).is_ok());
        assert!(reached("unix:///tmp/s.sock no such file").is_err());
    }

    #[test]
    fn settings_of_a_program_are_found() {
        let text = "[program:a]\ncommand=x\n[program:b] \ncommand = sleep 5 ; why\nstartsecs=0\nautostart=false\nenvironment=A=1,\n  B=2\n;x=1\n";
        let map = section(text, "program:b").unwrap();
        let wanted = [
            ("command", Value::from("sleep 5")),
            ("startsecs", Value::from(0)),
            ("autostart", Value::from(false)),
            ("environment", Value::from("A=1,\nB=2")),
        ];
        assert_eq!(map, Map::from_iter(wanted));
        assert!(section(text, "program:c").is_none());
    }
}
