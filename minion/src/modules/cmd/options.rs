//! How a command is run, from the arguments that all functions of `cmd` share.

use fleet_common::args;
use fleet_common::call::{CallError, FromValue};
use fleet_common::value::{Map, Value};

args! {
    /// Arguments of `cmd.run` and its like.
    pub struct Run {
        /// The command: a line, or a list of words that no shell sees.
        cmd: Value,
        /// Directory to start in; default the home of the user it runs as.
        cwd: Option<String> = None,
        /// Text for its standard input.
        stdin: Option<String> = None,
        /// User to run as.
        runas: Option<String> = None,
        /// Group to run as.
        group: Option<String> = None,
        /// Shell to use.
        shell: Option<String> = None,
        /// True: the shell runs the line; false: it is split into words.
        python_shell: Option<bool> = None,
        /// Variables to set: a mapping, or a list of mappings.
        env: Value = Value::Null,
        /// Start with no other variables than those in env.
        clean_env: bool = false,
        /// Render the command with this engine first (`jinja`).
        template: Option<String> = None,
        /// Remove blanks and newlines at the end of what it wrote.
        rstrip: bool = true,
        /// Umask in octal.
        umask: Value = Value::Null,
        /// Encoding of what it writes; only UTF-8 is known.
        output_encoding: Option<String> = None,
        /// Level at which the output is logged; `quiet` for not at all.
        output_loglevel: Option<String> = Some("debug".to_owned()),
        /// Not used: what is logged is decided by output_loglevel.
        log_callback: Value = Value::Null,
        /// Return nothing of what it wrote.
        hide_output: bool = false,
        /// Seconds until it and all it started are ended.
        timeout: Option<f64> = None,
        /// Set the locale to C.
        reset_system_locale: bool = true,
        /// A status other than 0 is no failure.
        ignore_retcode: bool = false,
        /// Environment for template files.
        saltenv: Option<String> = None,
        /// A terminal for the command is not supported.
        use_vt: bool = false,
        /// Return both streams as one.
        redirect_stderr: bool = true,
        /// Start it and do not wait.
        bg: bool = false,
        /// Only used on Windows.
        password: Option<String> = None,
        /// Only used on Windows.
        encoded_cmd: bool = false,
        /// Fail with an error when the status is not 0.
        raise_err: bool = false,
        /// Directories to put before PATH.
        prepend_path: Option<String> = None,
        /// Statuses besides 0 that count as success.
        success_retcodes: Vec<i64> = Vec::new(),
        /// Outputs that count as success whatever the status.
        success_stdout: Vec<String> = Vec::new(),
        /// Error outputs that count as success whatever the status.
        success_stderr: Vec<String> = Vec::new(),
    }
}

args! {
    /// Arguments of `cmd.script`.
    pub struct Script {
        /// Where the script is: `salt://path` or a path.
        source: String,
        /// Its arguments: a line, or a list of words.
        args: Value = Value::Null,
        /// Directory to start in.
        cwd: Option<String> = None,
        /// Text for its standard input.
        stdin: Option<String> = None,
        /// User to run as.
        runas: Option<String> = None,
        /// Group to run as.
        group: Option<String> = None,
        /// Shell to use.
        shell: Option<String> = None,
        /// True: a shell reads the arguments; false: they are split into words.
        python_shell: Option<bool> = None,
        /// Variables to set.
        env: Value = Value::Null,
        /// Render the script with this engine first (`jinja`).
        template: Option<String> = None,
        /// Umask in octal.
        umask: Value = Value::Null,
        /// Encoding of what it writes; only UTF-8 is known.
        output_encoding: Option<String> = None,
        /// Level at which the output is logged; `quiet` for not at all.
        output_loglevel: Option<String> = Some("debug".to_owned()),
        /// Not used: what is logged is decided by output_loglevel.
        log_callback: Value = Value::Null,
        /// Return nothing of what it wrote.
        hide_output: bool = false,
        /// Seconds until it and all it started are ended.
        timeout: Option<f64> = None,
        /// Set the locale to C.
        reset_system_locale: bool = true,
        /// Environment of the script.
        saltenv: Option<String> = None,
        /// A terminal for the script is not supported.
        use_vt: bool = false,
        /// Start it and do not wait.
        bg: bool = false,
        /// Only used on Windows.
        password: Option<String> = None,
        /// Statuses besides 0 that count as success.
        success_retcodes: Vec<i64> = Vec::new(),
        /// Outputs that count as success whatever the status.
        success_stdout: Vec<String> = Vec::new(),
        /// Error outputs that count as success whatever the status.
        success_stderr: Vec<String> = Vec::new(),
        /// Names for the template.
        context: Option<Map> = None,
        /// Names for the template that context overrides.
        defaults: Option<Map> = None,
    }
}

/// How a command is run, whichever function asks (`cmd` states use it too).
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Directory to start in.
    pub cwd: Option<String>,
    /// Text for standard input.
    pub stdin: Option<String>,
    /// User to run as.
    pub runas: Option<String>,
    /// Group to run as.
    pub group: Option<String>,
    /// Shell; default the `shell` grain.
    pub shell: Option<String>,
    /// True if a shell runs the line.
    pub python_shell: bool,
    /// Variables to set.
    pub env: Vec<Setting>,
    /// Start with no other variables.
    pub clean_env: bool,
    /// Rendering engine for the command.
    pub template: Option<String>,
    /// Environment for that.
    pub saltenv: Option<String>,
    /// Keep blanks at the end of the output.
    pub keep_end: bool,
    /// Umask.
    pub umask: Option<u32>,
    /// Return no output.
    pub hide_output: bool,
    /// Seconds until it is ended.
    pub timeout: Option<f64>,
    /// Leave the locale as it is.
    pub keep_locale: bool,
    /// Any status is success.
    pub ignore_retcode: bool,
    /// Both streams as one.
    pub merge: bool,
    /// Directories to put before PATH.
    pub prepend_path: Option<String>,
    /// Statuses that count as success.
    pub success_retcodes: Vec<i64>,
    /// Outputs that count as success.
    pub success_stdout: Vec<String>,
    /// Error outputs that count as success.
    pub success_stderr: Vec<String>,
}

/// A variable and its value.
pub type Setting = (String, String);

impl Run {
    /// The options; `shell_by_default` is for lines that an operator typed.
    pub fn options(&self, shell_by_default: bool) -> Result<Options, CallError> {
        refuse(self.use_vt, "use_vt")?;
        refuse(self.encoded_cmd, "encoded_cmd")?;
        refuse(self.password.is_some(), "password")?;
        check_encoding(self.output_encoding.as_deref())?;
        Ok(Options {
            cwd: self.cwd.clone(),
            stdin: self.stdin.clone(),
            runas: self.runas.clone(),
            group: self.group.clone(),
            shell: self.shell.clone(),
            python_shell: self.python_shell.unwrap_or(shell_by_default),
            env: settings(&self.env)?,
            clean_env: self.clean_env,
            template: self.template.clone(),
            saltenv: self.saltenv.clone(),
            keep_end: !self.rstrip,
            umask: umask(&self.umask)?,
            hide_output: self.hide_output,
            timeout: self.timeout,
            keep_locale: !self.reset_system_locale,
            ignore_retcode: self.ignore_retcode,
            merge: false,
            prepend_path: self.prepend_path.clone(),
            success_retcodes: self.success_retcodes.clone(),
            success_stdout: self.success_stdout.clone(),
            success_stderr: self.success_stderr.clone(),
        })
    }
}

impl Script {
    /// The options of the run; the script's own rendering is not among them.
    pub fn options(&self, shell_by_default: bool) -> Result<Options, CallError> {
        refuse(self.use_vt, "use_vt")?;
        refuse(self.password.is_some(), "password")?;
        refuse(self.bg, "bg")?;
        check_encoding(self.output_encoding.as_deref())?;
        Ok(Options {
            cwd: self.cwd.clone(),
            stdin: self.stdin.clone(),
            runas: self.runas.clone(),
            group: self.group.clone(),
            shell: self.shell.clone(),
            python_shell: self.python_shell.unwrap_or(shell_by_default),
            env: settings(&self.env)?,
            umask: umask(&self.umask)?,
            hide_output: self.hide_output,
            timeout: self.timeout,
            keep_locale: !self.reset_system_locale,
            success_retcodes: self.success_retcodes.clone(),
            success_stdout: self.success_stdout.clone(),
            success_stderr: self.success_stderr.clone(),
            ..Options::default()
        })
    }
}

fn refuse(given: bool, argument: &str) -> Result<(), CallError> {
    if given { Err(CallError::Unsupported(format!("the argument '{argument}'"))) } else { Ok(()) }
}

fn check_encoding(encoding: Option<&str>) -> Result<(), CallError> {
    match encoding.map(str::to_ascii_lowercase).as_deref() {
        None | Some("utf-8" | "utf8" | "ascii") => Ok(()),
        Some(other) => Err(CallError::Unsupported(format!("output_encoding '{other}'"))),
    }
}

/// Variables from a mapping, a list of mappings, or a text of YAML.
pub(super) fn settings(env: &Value) -> Result<Vec<Setting>, CallError> {
    let invalid = || CallError::Invocation("env must be a mapping of variables or a list of such mappings".to_owned());
    let setting = |(name, value): (&Value, &Value)| {
        let name = String::from_value(name.clone()).map_err(|_| invalid())?;
        let value =
            if value.is_null() { String::new() } else { String::from_value(value.clone()).map_err(|_| invalid())? };
        Ok((name, value))
    };
    match env {
        Value::Null => Ok(Vec::new()),
        Value::Map(map) => map.iter().map(setting).collect(),
        Value::List(items) => {
            let parts: Result<Vec<_>, _> = items.iter().map(settings).collect();
            Ok(parts?.into_iter().flatten().collect())
        }
        Value::Str(text) if text.is_empty() => Ok(Vec::new()),
        Value::Str(text) => match fleet_common::yaml::load(text, "env").map(|document| document.value) {
            Ok(value @ (Value::Map(_) | Value::List(_))) => settings(&value),
            _ => Err(invalid()),
        },
        _ => Err(invalid()),
    }
}

fn umask(value: &Value) -> Result<Option<u32>, CallError> {
    let text = match value {
        Value::Null => return Ok(None),
        other => String::from_value(other.clone()).unwrap_or_default(),
    };
    let digits = text.trim().trim_start_matches("0o");
    if digits.is_empty() {
        return Ok(None);
    }
    match u32::from_str_radix(digits, 8) {
        Ok(mask) if mask <= 0o777 => Ok(Some(mask)),
        _ => Err(CallError::Failed(format!("Invalid umask: '{text}'"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_in_three_shapes() {
        let one = Value::Map([("A", Value::from(1)), ("B", Value::Null)].into_iter().collect());
        let expected = vec![("A".to_owned(), "1".to_owned()), ("B".to_owned(), String::new())];
        assert_eq!(settings(&one).unwrap(), expected);
        assert_eq!(settings(&Value::List(vec![one])).unwrap(), expected);
        assert_eq!(settings(&Value::from("{A: 1, B: }")).unwrap(), expected);
        assert!(settings(&Value::from("A=1")).is_err());
    }

    #[test]
    fn umasks_are_octal() {
        assert_eq!(umask(&Value::from("077")).unwrap(), Some(0o77));
        assert_eq!(umask(&Value::from(22)).unwrap(), Some(0o22));
        assert_eq!(umask(&Value::from("9")).unwrap_err().to_string(), "Invalid umask: '9'");
    }
}
