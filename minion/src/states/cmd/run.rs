//! `cmd.run` and `cmd.wait`.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::Arguments;
use fleet_common::value::{Map, Value};

use super::stateful;
use crate::cx::Act;
use crate::states::{Failure, OpaqueState, Report, StateResult, Trigger};

args! {
    /// Arguments of `cmd.run` and `cmd.wait`.
    pub struct Run {
        /// The command line.
        name: String,
        /// Directory to run it in.
        cwd: Option<String> = None,
        /// Run it below this root; not supported.
        root: Option<String> = None,
        /// User to run it as.
        runas: Option<String> = None,
        /// Group to run it as.
        group: Option<String> = None,
        /// Shell to run it with.
        shell: Option<String> = None,
        /// False: split into words, no shell.
        python_shell: Option<bool> = None,
        /// Variables: a mapping or a list of mappings.
        env: Value = Value::Null,
        /// Directories before PATH.
        prepend_path: Option<String> = None,
        /// The command tells itself what changed, as JSON or `changed=yes comment='...'` in its last line.
        stateful: Value = Value::Bool(false),
        /// Text for its standard input.
        stdin: Option<String> = None,
        /// Umask in octal.
        umask: Value = Value::Null,
        /// Seconds until it is ended.
        timeout: Option<f64> = None,
        /// A time that is up is no failure.
        ignore_timeout: bool = false,
        /// Level at which the output is logged.
        output_loglevel: Option<String> = None,
        /// Leave the output out of the changes.
        hide_output: bool = false,
        /// A terminal for the command; ignored, output is always collected.
        use_vt: bool = false,
        /// Start it and do not wait.
        bg: bool = false,
        /// Exit statuses besides 0 that are a success.
        success_retcodes: Value = Value::Null,
        /// Outputs that are a success.
        success_stdout: Value = Value::Null,
        /// Error outputs that are a success.
        success_stderr: Value = Value::Null,
    }
}

/// `cmd.run`.
pub struct Always(pub Run);
/// `cmd.wait`.
pub struct OnWatch(pub Run);

impl OpaqueState for Always {
    fn would(&self, act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        self.0.would(act)
    }
    fn run(&self, act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        self.0.run(act)
    }
}

impl OpaqueState for OnWatch {
    fn would(&self, act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        if matches!(trigger, Trigger::Watch(_)) {
            self.0.would(act)
        } else {
            Ok(StateResult::new(Some(true), Report::default()))
        }
    }
    fn run(&self, act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        if matches!(trigger, Trigger::Watch(_)) {
            self.0.run(act)
        } else {
            Ok(StateResult::new(Some(true), Report::default()))
        }
    }
}

impl Run {
    fn would(&self, act: &Act) -> Result<StateResult, Failure> {
        let test_command = stateful::test_command(&self.stateful);
        if let Some(command) = test_command {
            let (mut result, succeeded) = self.execute(act, &command)?;
            result = stateful::reinterpret(result, succeeded);
            if result.result == Some(true) && !result.report.changes.is_empty() {
                result.result = None;
            }
            return Ok(result);
        }
        if self.stateful.truthy() {
            return Ok(StateResult::new(None, Report::default()));
        }
        let report = Report::new(format!("Command \"{}\" would have been executed", self.name));
        Ok(StateResult::new(None, report.change("cmd", self.name.as_str())))
    }

    fn run(&self, act: &Act) -> Result<StateResult, Failure> {
        if let Some(cwd) = self.cwd.as_ref().filter(|cwd| !Path::new(cwd).is_dir()) {
            return Err(Failure::new(format!("Desired working directory \"{cwd}\" is not available")));
        }
        let (result, succeeded) = self.execute(act, &self.name)?;
        Ok(if self.stateful.truthy() { stateful::reinterpret(result, succeeded) } else { result })
    }

    fn execute(&self, act: &Act, command: &str) -> Result<(StateResult, bool), Failure> {
        if self.root.is_some() {
            return Err(Failure::new("cmd.run: the argument 'root' is not supported yet"));
        }
        let mut arguments = Arguments::positional([command]);
        let mut set = |name: &str, value: Value| {
            if !value.is_null() {
                arguments.keyword.insert(name, value);
            }
        };
        set("cwd", self.cwd.clone().into());
        set("runas", self.runas.clone().into());
        set("group", self.group.clone().into());
        set("shell", self.shell.clone().into());
        set("python_shell", self.python_shell.unwrap_or(true).into());
        set("env", self.env.clone());
        set("prepend_path", self.prepend_path.clone().into());
        set("stdin", self.stdin.clone().into());
        set("umask", self.umask.clone());
        set("timeout", self.timeout.into());
        set("output_loglevel", self.output_loglevel.clone().into());
        set("hide_output", self.hide_output.into());
        set("bg", self.bg.into());
        set("success_retcodes", self.success_retcodes.clone());
        set("success_stdout", self.success_stdout.clone());
        set("success_stderr", self.success_stderr.clone());
        let outcome = act.run("cmd.run_all", arguments)?;
        let changes = outcome.value.as_map().cloned().unwrap_or_default();
        Ok(self.judge(command, changes))
    }

    fn judge(&self, command: &str, mut changes: Map) -> (StateResult, bool) {
        changes.remove("pid");
        let timed_out = self.timeout.is_some()
            && changes.get("stdout").and_then(Value::as_str).is_some_and(|text| text.contains(" : Timed out after "));
        let status = changes.get("retcode").and_then(Value::as_int).unwrap_or(0);
        let succeeded = self.bg || status == 0 || (self.ignore_timeout && timed_out);
        let report = Report::new(format!("Command \"{command}\" run")).changes(changes);
        (StateResult::new(Some(succeeded), report), succeeded)
    }
}
