//! `git.config_*`: the configuration of a repository or of a user.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use super::how::{How, failed, git_args};
use crate::cx::{Act, Look};
use crate::system::git::{Git, Repo};

/// Keys are read and written in a repository or, with `global`, for a user.
macro_rules! config_args {
    ($(#[doc = $doc:expr])* $name:ident { $($body:tt)* }) => {
        git_args! { plain
            $(#[doc = $doc])*
            $name {
                /// The key (`user.email`); with `*_regexp` and `config_unset` an expression.
                key: String,
                $($body)*
                /// The key is the user's, not the repository's.
                global: bool = false,
                /// All values of keys that have several.
                all: bool = false,
            }
        }
    };
}

config_args! {
    /// Arguments of `git.config_get`.
    ConfigGet {
        /// Directory of the repository.
        cwd: Option<String> = None,
    }
}

config_args! {
    /// Arguments of `git.config_get_regexp` and `git.config_unset`.
    ConfigMatch {
        /// Only values that match this expression.
        value_regex: Option<String> = None,
        /// Directory of the repository.
        cwd: Option<String> = None,
    }
}

config_args! {
    /// Arguments of `git.config_set`.
    ConfigSet {
        /// The value.
        value: Option<String> = None,
        /// Several values, a list or separated by commas.
        multivar: Vec<String> = Vec::new(),
        /// Directory of the repository.
        cwd: Option<String> = None,
        /// Add the value to those that are set.
        add: bool = false,
    }
}

/// The git that reads a configuration: the user's, or that of the repository in a directory.
fn git(look: &Look, how: &How, global: bool, cwd: Option<&str>) -> Result<Git, CallError> {
    match cwd {
        Some(cwd) if !global => how.git_in(look, cwd),
        None if !global => Err(CallError::Invocation("'cwd' argument required unless global=True".to_owned())),
        _ => how.git(look),
    }
}

fn list(values: Vec<String>) -> Value {
    values.into_iter().map(Value::from).collect::<Vec<_>>().into()
}

pub(super) fn get(look: &Look, arguments: Arguments) -> CallResult {
    let args = ConfigGet::bind("git.config_get", arguments)?;
    let git = git(look, &args.how(), args.global, args.cwd.as_deref())?;
    let mut values = Repo::settings(&git, args.global, &args.key).map_err(failed)?;
    if args.all && !values.is_empty() {
        return Ok(list(values).into());
    }
    // Of several values git takes the last.
    Ok(values.pop().map_or(Value::Null, Value::from).into())
}

pub(super) fn get_regexp(look: &Look, arguments: Arguments) -> CallResult {
    let args = ConfigMatch::bind("git.config_get_regexp", arguments)?;
    let git = git(look, &args.how(), args.global, args.cwd.as_deref())?;
    let found = Repo::settings_like(&git, args.global, &args.key, args.value_regex.as_deref()).map_err(failed)?;
    Ok(found.into_iter().map(|(key, values)| (key, list(values))).collect::<Map>().into())
}

pub(super) fn set_values(act: &Act, arguments: Arguments) -> CallResult {
    let args = ConfigSet::bind("git.config_set", arguments)?;
    let values = match (&args.value, args.multivar.is_empty()) {
        (Some(value), true) => vec![value.clone()],
        (None, false) => args.multivar.clone(),
        (Some(_), false) => {
            return Err(CallError::Invocation("Only one of 'value' and 'multivar' is permitted.".to_owned()));
        }
        (None, true) => {
            return Err(CallError::Invocation("Either 'value' or 'multivar' is needed.".to_owned()));
        }
    };
    let git = git(act, &args.how(), args.global, args.cwd.as_deref())?;
    if args.add {
        for value in &values {
            git.ask(&["config", scope(args.global), "--add", &args.key, value]).map_err(failed)?;
        }
    } else {
        set(&git, args.global, &args.key, &values)?;
    }
    Ok(list(Repo::settings(&git, args.global, &args.key).map_err(failed)?).into())
}

/// Gives a key these values and no others.
pub fn set(git: &Git, global: bool, key: &str, values: &[String]) -> Result<(), CallError> {
    let scope = scope(global);
    let Some((first, more)) = values.split_first() else { return Ok(()) };
    git.ask(&["config", scope, "--replace-all", key, first]).map_err(failed)?;
    for value in more {
        git.ask(&["config", scope, "--add", key, value]).map_err(failed)?;
    }
    Ok(())
}

/// The option that says whose configuration is meant.
pub fn scope(global: bool) -> &'static str {
    if global { "--global" } else { "--local" }
}

pub(super) fn unset(act: &Act, arguments: Arguments) -> CallResult {
    let args = ConfigMatch::bind("git.config_unset", arguments)?;
    let git = git(act, &args.how(), args.global, args.cwd.as_deref())?;
    let known = Repo::settings(&git, args.global, &args.key).map_err(failed)?;
    if known.is_empty() {
        return Err(CallError::Failed(format!("Key '{}' does not exist", args.key)));
    }
    let order = if args.all { "--unset-all" } else { "--unset" };
    let mut words = vec!["config", scope(args.global), order, &args.key];
    words.extend(args.value_regex.as_deref());
    git.ask(&words).map_err(failed)?;
    Ok(true.into())
}
