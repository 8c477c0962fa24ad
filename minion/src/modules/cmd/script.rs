//! `cmd.script` and `cmd.exec_code`: programs that come as text.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, fchown};
use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, FromValue};
use fleet_common::render::Template;
use fleet_common::value::Value;

use super::options::{Options, Script};
use super::run::{Answer, execute, is_typed, outcome, render};
use super::words::{quote, split_words};
use crate::cx::Act;
use crate::system::fs::{self, FileFault};
use crate::system::user::Accounts;

/// The largest script.
const LIMIT: u64 = 64 << 20;

args! {
    /// Arguments of `cmd.exec_code`.
    pub struct Code {
        /// The interpreter.
        lang: String,
        /// The code.
        code: String,
        /// Directory to start in.
        cwd: Option<String> = None,
        /// Arguments for the code: a line, or a list of words.
        args: Value = Value::Null,
    }
}

pub(super) fn script(act: &Act, arguments: Arguments) -> CallResult {
    let (answer, options) = run_script(act, "cmd.script", arguments)?;
    let Some(answer) = answer else {
        let mut missing = Answer { status: 1, ..Answer::default() }.into_map();
        missing.insert("cache_error", true);
        return Ok(outcome(missing.into(), 1, &options));
    };
    let status = answer.status;
    Ok(outcome(answer.into_map().into(), status, &options))
}

pub(super) fn script_retcode(act: &Act, arguments: Arguments) -> CallResult {
    let (answer, options) = run_script(act, "cmd.script_retcode", arguments)?;
    let status = answer.map_or(1, |answer| answer.status);
    Ok(outcome(status.into(), status, &options))
}

pub(super) fn exec_code(act: &Act, arguments: Arguments) -> CallResult {
    let answer = run_code(act, "cmd.exec_code", arguments)?;
    Ok(outcome(answer.stdout.into(), answer.status, &Options::default()))
}

pub(super) fn exec_code_all(act: &Act, arguments: Arguments) -> CallResult {
    let answer = run_code(act, "cmd.exec_code_all", arguments)?;
    let status = answer.status;
    Ok(outcome(answer.into_map().into(), status, &Options::default()))
}

/// Runs a script; `None` when its source is not there.
fn run_script(act: &Act, function: &str, arguments: Arguments) -> Result<(Option<Answer>, Options), CallError> {
    let typed = is_typed(&arguments);
    let args = Script::bind(function, arguments)?;
    let options = args.options(typed)?;
    let (source, query_env) = match args.source.split_once("?saltenv=") {
        Some((source, env)) => (source, Some(env)),
        None => (args.source.as_str(), None),
    };
    let saltenv = args.saltenv.as_deref().or(query_env).unwrap_or("base");
    let Some(mut content) = fetch(act, source, saltenv)? else { return Ok((None, options)) };
    match args.template.as_deref() {
        None | Some("") => {}
        Some("jinja") => {
            let text = String::from_utf8(content)
                .map_err(|_| CallError::Failed(format!("{source} is not UTF-8 text and no template")))?;
            let mut context = args.defaults.clone().unwrap_or_default();
            context.extend(args.context.clone().unwrap_or_default());
            let template = Template { text: &text, path: source, sls: None };
            content = render(act, &template, Some(saltenv), context)?.into_bytes();
        }
        Some(other) => return Err(CallError::Unsupported(format!("the template engine '{other}' for scripts"))),
    }
    let file = executable(&content, options.runas.as_deref())?;
    Ok((Some(execute(act, &with_arguments(&file, &args.args, &options)?, &options)?), options))
}

fn fetch(act: &Act, source: &str, saltenv: &str) -> Result<Option<Vec<u8>>, CallError> {
    if let Some(path) = source.strip_prefix("salt://") {
        let found = act.file_source().read(saltenv, path).map_err(|error| CallError::Failed(error.to_string()))?;
        return Ok(found.map(|content| content.to_vec()));
    }
    let path = source.strip_prefix("file://").unwrap_or(source);
    if path.contains("://") {
        return Err(CallError::Unsupported(format!("fetching a script from {source}")));
    }
    match fs::read_bounded(Path::new(path), LIMIT) {
        Ok(content) => Ok(Some(content)),
        Err(fault) if fault.is_missing() => Ok(None),
        Err(fault) => Err(CallError::Failed(fault.to_string())),
    }
}

/// A closed temporary file that its user can run; removed when dropped.
fn executable(content: &[u8], runas: Option<&str>) -> Result<tempfile::TempPath, CallError> {
    let failed =
        |error: std::io::Error| CallError::Failed(format!("the script could not be stored: {}", fs::plain(&error)));
    let mut file = tempfile::Builder::new().prefix("fleet-script-").tempfile().map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    if let Some(user) = runas {
        let account = Accounts::system().account(user);
        let account = account.ok_or_else(|| CallError::Failed(format!("User '{user}' is not available")))?;
        fchown(file.as_file(), Some(account.uid), Some(account.gid)).map_err(failed)?;
    }
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o500)).map_err(failed)?;
    Ok(file.into_temp_path())
}

/// The command that runs a file with arguments given as a line or as words.
fn with_arguments(file: &Path, given: &Value, options: &Options) -> Result<Value, CallError> {
    let file = file.to_string_lossy().into_owned();
    match given {
        Value::Null => Ok(Value::from(vec![file])),
        Value::List(items) => {
            let words = items.iter().map(|item| String::from_value(item.clone()));
            let words: Result<Vec<String>, Value> = std::iter::once(Ok(file)).chain(words).collect();
            words
                .map(Value::from)
                .map_err(|item| CallError::Invocation(format!("an argument is a text, not {}", item.kind())))
        }
        other => {
            let line = String::from_value(other.clone())
                .map_err(|other| CallError::Invocation(format!("args is a text or a list, not {}", other.kind())))?;
            if options.python_shell {
                return Ok(Value::from(format!("{} {line}", quote(&file))));
            }
            Ok(Value::from([vec![file], split_words(&line)?].concat()))
        }
    }
}

fn run_code(act: &Act, function: &str, arguments: Arguments) -> Result<Answer, CallError> {
    let args = Code::bind(function, arguments)?;
    let fault = |fault: FileFault| CallError::Failed(fault.to_string());
    let mut file = tempfile::Builder::new()
        .prefix("fleet-code-")
        .tempfile()
        .map_err(|source| fault(FileFault::Io { path: std::env::temp_dir(), source }))?;
    file.write_all(args.code.as_bytes()).map_err(FileFault::io(Path::new("temporary file"))).map_err(fault)?;
    let path = file.into_temp_path();
    let options = Options { cwd: args.cwd, ..Options::default() };
    let Value::List(rest) = with_arguments(&path, &args.args, &options)? else {
        return Err(CallError::Invocation("args is a text or a list of words".to_owned()));
    };
    let mut words = split_words(&args.lang)?.into_iter().map(Value::from).collect::<Vec<_>>();
    words.extend(rest);
    execute(act, &Value::List(words), &options)
}
