//! `cmd.script` and `cmd.wait_script`.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::Arguments;
use fleet_common::value::{Map, Value};

use super::stateful;
use crate::cx::Act;
use crate::states::{Failure, OpaqueState, Report, StateResult, Trigger};

args! {
    /// Arguments of `cmd.script` and `cmd.wait_script`.
    pub struct Script {
        /// Name of the state; the script and its arguments when there is no `source`.
        name: String,
        /// The script: `salt://...` or a local path.
        source: Option<String> = None,
        /// Template engine to render it with.
        template: Option<String> = None,
        /// Directory to run it in.
        cwd: Option<String> = None,
        /// User to run it as.
        runas: Option<String> = None,
        /// Another name for `runas`, as older trees write it.
        user: Option<String> = None,
        /// Group to run it as.
        group: Option<String> = None,
        /// Shell to run it with.
        shell: Option<String> = None,
        /// Variables: a mapping or a list of mappings.
        env: Value = Value::Null,
        /// The script tells itself what changed.
        stateful: Value = Value::Bool(false),
        /// Arguments: a line or a list of words.
        args: Value = Value::Null,
        /// Text for its standard input.
        stdin: Option<String> = None,
        /// Umask in octal.
        umask: Value = Value::Null,
        /// Seconds until it is ended.
        timeout: Option<f64> = None,
        /// Level at which the output is logged.
        output_loglevel: Option<String> = None,
        /// Leave the output out of the changes.
        hide_output: bool = false,
        /// A terminal; ignored, output is always collected.
        use_vt: bool = false,
        /// Mode of the script; it is private here.
        mode: Value = Value::Null,
        /// Names for the template.
        context: Option<Map> = None,
        /// Names for the template that `context` overrides.
        defaults: Option<Map> = None,
        /// Exit statuses besides 0 that are a success.
        success_retcodes: Value = Value::Null,
        /// Outputs that are a success.
        success_stdout: Value = Value::Null,
        /// Error outputs that are a success.
        success_stderr: Value = Value::Null,
    }
}

/// `cmd.script`.
pub struct Always(pub Script);
/// `cmd.wait_script`.
pub struct OnWatch(pub Script);

impl OpaqueState for Always {
    fn would(&self, _act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        Ok(self.0.would())
    }
    fn run(&self, act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        self.0.run(act)
    }
}

impl OpaqueState for OnWatch {
    fn would(&self, _act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        Ok(if matches!(trigger, Trigger::Watch(_)) { self.0.would() } else { idle() })
    }
    fn run(&self, act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        if matches!(trigger, Trigger::Watch(_)) { self.0.run(act) } else { Ok(idle()) }
    }
}

fn idle() -> StateResult {
    StateResult::new(Some(true), Report::default())
}

impl Script {
    fn would(&self) -> StateResult {
        StateResult::new(None, Report::new(format!("Command '{}' would have been executed", self.name)))
    }

    fn run(&self, act: &Act) -> Result<StateResult, Failure> {
        if let Some(cwd) = self.cwd.as_ref().filter(|cwd| !Path::new(cwd).is_dir()) {
            return Err(Failure::new(format!("Desired working directory \"{cwd}\" is not available")));
        }
        let source = self.source.clone().unwrap_or_else(|| self.name.clone());
        let mut arguments = Arguments::positional([source.as_str()]);
        let mut set = |name: &str, value: Value| {
            if !value.is_null() {
                arguments.keyword.insert(name, value);
            }
        };
        set("args", self.args.clone());
        set("cwd", self.cwd.clone().into());
        set("runas", self.runas.clone().or_else(|| self.user.clone()).into());
        set("group", self.group.clone().into());
        set("shell", self.shell.clone().into());
        set("env", self.env.clone());
        set("template", self.template.clone().into());
        set("stdin", self.stdin.clone().into());
        set("umask", self.umask.clone());
        set("timeout", self.timeout.into());
        set("output_loglevel", self.output_loglevel.clone().into());
        set("hide_output", self.hide_output.into());
        set("context", self.context.clone().map_or(Value::Null, Value::Map));
        set("defaults", self.defaults.clone().map_or(Value::Null, Value::Map));
        set("success_retcodes", self.success_retcodes.clone());
        set("success_stdout", self.success_stdout.clone());
        set("success_stderr", self.success_stderr.clone());
        let outcome = act.run("cmd.script", arguments)?;
        let mut changes = outcome.value.as_map().cloned().unwrap_or_default();
        changes.remove("pid");
        if changes.get("cache_error").is_some_and(Value::truthy) {
            let text = format!("Unable to cache script {source} from saltenv 'base'");
            return Err(Failure(Report::new(text).changes(changes)));
        }
        let succeeded = changes.get("retcode").and_then(Value::as_int).unwrap_or(0) == 0;
        let report = Report::new(format!("Command '{}' run", self.name)).changes(changes);
        let result = StateResult::new(Some(succeeded), report);
        Ok(if self.stateful.truthy() { stateful::reinterpret(result, succeeded) } else { result })
    }
}
