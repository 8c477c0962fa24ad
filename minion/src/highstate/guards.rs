//! `onlyif`, `unless`, `creates` and `check_cmd`: conditions around a chunk. They run in dry runs too, as in the reference.

use std::path::Path;

use fleet_common::call::{Arguments, FromValue};
use fleet_common::state::Chunk;
use fleet_common::value::path::traverse;
use fleet_common::value::{Map, Value};

use crate::cx::Act;

/// What the guards say.
#[derive(Debug, Clone, PartialEq)]
pub enum Guard {
    /// The state runs.
    Run,
    /// The state is skipped and counts as fine; the text says why.
    Skip(String),
    /// A guard could not be evaluated.
    Failed(String),
}

/// Evaluates the guards of a chunk. Several that hold it back are all named.
pub fn guarded(act: &Act, chunk: &Chunk) -> Guard {
    let mut texts = Vec::new();
    let mut skip = false;
    for (option, skips_when) in [("onlyif", false), ("unless", true)] {
        let Some(condition) = chunk.get(option).filter(|value| is_asked(value)) else { continue };
        match holds(act, chunk, condition, option) {
            Err(text) => return Guard::Failed(text),
            Ok(truth) => {
                skip |= truth == skips_when;
                texts.push(format!("{option} condition is {truth}"));
            }
        }
    }
    if let Some(text) = created(chunk) {
        skip = true;
        texts.push(text);
    }
    if skip { Guard::Skip(texts.join("\n")) } else { Guard::Run }
}

/// True if one of the commands of `check_cmd` fails. What is no command has not succeeded.
pub fn check_failed(act: &Act, chunk: &Chunk, commands: &Value) -> bool {
    let commands = listed(commands);
    commands.is_empty()
        || commands.iter().any(|command| command.as_str().is_none_or(|line| status(act, chunk, line) != 0))
}

/// True for what is a condition, or should be one; nothing, numbers and truths are passed over, alone and in lists.
fn is_asked(condition: &Value) -> bool {
    match condition {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => false,
        Value::List(entries) => entries.is_empty() || entries.iter().any(is_asked),
        Value::Map(entry) => entry.contains("fun"),
        _ => true,
    }
}

fn listed(value: &Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.clone(),
        other => vec![other.clone()],
    }
}

/// `onlyif` holds when all entries do; `unless` when all do too (then the state is skipped).
fn holds(act: &Act, chunk: &Chunk, condition: &Value, option: &str) -> Result<bool, String> {
    let entries = listed(condition);
    if entries.is_empty() {
        return Err(format!("{option} is empty: give a command or a list of commands"));
    }
    for entry in entries.iter().filter(|entry| is_asked(entry)) {
        let truth = match entry {
            Value::Str(line) if line.trim().is_empty() => {
                return Err(format!("{option} has an empty command"));
            }
            Value::Str(line) => status(act, chunk, line) == 0,
            Value::Map(map) => function(act, map, option)?,
            other => return Err(format!("{option} takes commands and functions, not {}", other.kind())),
        };
        if !truth {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The exit status of a guard command, run as the chunk says: `runas`, `cwd`, `shell`, `env`, `umask`, `timeout`.
fn status(act: &Act, chunk: &Chunk, line: &str) -> i64 {
    let mut arguments = Arguments::positional([line]).with("python_shell", true).with("ignore_retcode", true);
    for option in ["runas", "cwd", "shell", "env", "umask", "timeout", "group", "prepend_path"] {
        if let Some(value) = chunk.get(option).filter(|value| !value.is_null()) {
            arguments.keyword.insert(option, value.clone());
        }
    }
    match act.run("cmd.retcode", arguments) {
        Ok(outcome) => outcome.value.as_int().unwrap_or(1),
        // A command that can not be started is one that failed.
        Err(_) => 127,
    }
}

/// `- fun: module.function` with `args`, further keywords and `get_return`.
fn function(act: &Act, entry: &Map, option: &str) -> Result<bool, String> {
    let mut keyword = entry.clone();
    let Some(Value::Str(name)) = keyword.remove("fun") else {
        return Err(format!("{option}: 'fun' is the name of a function"));
    };
    let positional = match keyword.remove("args") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(items)) => items,
        Some(other) => vec![other],
    };
    let wanted = keyword.remove("get_return").and_then(|path| String::from_value(path).ok());
    let outcome = act.run(&name, Arguments { positional, keyword }).map_err(|error| format!("{option}: {error}"))?;
    // Functions that run commands say how those ended beside what they return.
    if outcome.retcode != 0 {
        return Ok(false);
    }
    let value = match &wanted {
        Some(path) => traverse(&outcome.value, path, ":").cloned().unwrap_or_default(),
        None => outcome.value,
    };
    Ok(match &value {
        Value::Map(map) if wanted.is_none() && map.get("result").is_some() => {
            map.get("result").is_some_and(Value::truthy)
        }
        other => other.truthy(),
    })
}

fn created(chunk: &Chunk) -> Option<String> {
    let exists = |path: &Value| path.as_str().is_some_and(|path| Path::new(path).exists());
    match chunk.get("creates")? {
        Value::Str(path) if Path::new(path).exists() => Some(format!("{path} exists")),
        Value::List(paths) if paths.iter().all(exists) => Some("All files in creates exist".to_owned()),
        _ => None,
    }
}
