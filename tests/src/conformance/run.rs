//! State runs: calls one after the other on one minion, their chunks, and the files they leave.

use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use super::{Case, Scratch, Verdict, compare, minion};

/// Parts of a chunk's result that bind where they were recorded.
const BOUND: &[&str] = &[
    "result",
    "changes",
    "comment",
    "name",
    "__id__",
    "__sls__",
    "__run_num__",
    "skip_watch",
    "__state_ran__",
    "warnings",
];

/// Runs the calls of one case.
pub(super) fn run(case: &Case) -> Verdict {
    match calls(case) {
        Ok(()) => Verdict::Pass,
        Err(Trouble::Differs(why)) => Verdict::Fail(why),
        Err(Trouble::Missing(what)) => Verdict::Unsupported(what),
    }
}

enum Trouble {
    Differs(String),
    Missing(String),
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Self::Differs(why)
    }
}

fn calls(case: &Case) -> Result<(), Trouble> {
    let scratch = Scratch::new(&case.input)?;
    let input = scratch.substitute(&case.input);
    let act = minion::context(case, &scratch)?;
    let calls = input.get("calls").and_then(Value::as_list).unwrap_or_default();
    let results = case.expected.get("results").and_then(Value::as_list).unwrap_or_default();
    for (number, (call, expected)) in calls.iter().zip(results).enumerate() {
        let function = call.get("fun").and_then(Value::as_str).unwrap_or_default();
        let arguments = Arguments {
            positional: call.get("args").and_then(Value::as_list).unwrap_or_default().to_vec(),
            keyword: call.get("kwargs").and_then(Value::as_map).cloned().unwrap_or_default(),
        };
        let answer = act.run(function, arguments);
        check(expected, answer, &scratch).map_err(|trouble| match trouble {
            Trouble::Differs(why) => Trouble::Differs(format!("call {number} {function}: {why}")),
            Trouble::Missing(what) => Trouble::Missing(what),
        })?;
    }
    let empty = Value::Map(Map::new());
    compare(case.expected.get("tree").unwrap_or(&empty), &scratch.tree()?).map_err(|why| format!("tree{why}").into())
}

fn check(expected: &Value, answer: CallResult, scratch: &Scratch) -> Result<(), Trouble> {
    let outcome = match answer {
        Ok(outcome) => outcome,
        Err(CallError::Unknown { function, .. }) => return Err(Trouble::Missing(function)),
        Err(CallError::Unsupported(what)) => return Err(Trouble::Missing(what)),
        Err(_) if expected.get("error").is_some() => return Ok(()),
        Err(error) => return Err(format!("refused: {error}").into()),
    };
    if expected.get("error").is_some() {
        return Err(format!("an error was expected, {:?} came", outcome.value).into());
    }
    let actual = scratch.mask(&outcome.value);
    let wanted = expected.get("return").cloned().unwrap_or_default();
    match (&wanted, &actual) {
        (Value::Map(wanted), Value::Map(actual)) if wanted.values().all(is_chunk) => chunks(wanted, actual)?,
        (Value::Map(_), Value::Map(_)) if is_chunk(&wanted) => chunk("", &wanted, &actual)?,
        (Value::List(wanted), Value::List(actual)) => errors(wanted, actual)?,
        _ => compare(&wanted, &actual)?,
    }
    let retcode = expected.get("retcode").and_then(Value::as_int).unwrap_or(0);
    if retcode != i64::from(outcome.retcode) {
        return Err(format!("retcode {retcode} expected, {} came", outcome.retcode).into());
    }
    Ok(())
}

fn is_chunk(value: &Value) -> bool {
    value.get("result").is_some() && value.get("comment").is_some()
}

fn chunks(wanted: &Map, actual: &Map) -> Result<(), Trouble> {
    for (tag, result) in wanted {
        let tag = tag.as_str().unwrap_or("");
        let Some(found) = actual.get(tag) else {
            let came: Vec<&str> = actual.keys().filter_map(Value::as_str).collect();
            return Err(format!("chunk {tag} is missing; there are {came:?}").into());
        };
        chunk(tag, result, found)?;
    }
    match actual.keys().find(|tag| wanted.get_value(tag).is_none()) {
        Some(tag) => Err(format!("chunk {tag:?} was not expected").into()),
        None => Ok(()),
    }
}

fn chunk(tag: &str, wanted: &Value, actual: &Value) -> Result<(), Trouble> {
    let comment = actual.get("comment").and_then(Value::as_str).unwrap_or("");
    let missing = comment.contains("is not supported yet") || comment.contains("was not found in SLS");
    let state_exists =
        !wanted.get("comment").and_then(Value::as_str).is_some_and(|text| text.contains("was not found in SLS"));
    if missing && state_exists {
        return Err(Trouble::Missing(comment.lines().next().unwrap_or("").to_owned()));
    }
    for key in BOUND {
        let Some(expected) = wanted.get(key) else { continue };
        let came = actual.get(key).cloned().unwrap_or_default();
        let crashed = expected.as_str().is_some_and(|text| text.contains("${TRACEBACK}"));
        let sections = expected.as_str() == Some("${SECTIONS}");
        if (crashed && *key == "comment") || (sections && came.truthy()) {
            continue;
        }
        let came = if *key == "changes" { without_noise(came) } else { came };
        compare(expected, &came).map_err(|why| format!("{tag} {key}{why}\n  comment {comment:?}"))?;
    }
    Ok(())
}

/// What the recordings leave out of changes: process ids, and which directories a recursion made.
fn without_noise(mut changes: Value) -> Value {
    if let Some(map) = changes.as_map_mut() {
        map.remove("pid");
        *map = std::mem::take(map).into_iter().filter(|(path, change)| !is_new_directory(path, change)).collect();
    }
    changes
}

/// `{path: {path: {directory: new}}}`, as `file.recurse` reports directories it makes.
fn is_new_directory(path: &Value, change: &Value) -> bool {
    let inner = change.as_map().filter(|map| map.len() == 1).and_then(|map| map.get_value(path));
    inner.is_some_and(|inner| inner.get("directory").and_then(Value::as_str) == Some("new"))
}

/// Compile errors: their number and texts; what follows `failed:` may differ.
fn errors(wanted: &[Value], actual: &[Value]) -> Result<(), Trouble> {
    if wanted.len() != actual.len() {
        return Err(format!("errors {wanted:?} expected, {actual:?} came").into());
    }
    for (wanted, actual) in wanted.iter().zip(actual) {
        let same = match (wanted.as_str(), actual.as_str()) {
            (Some(wanted), Some(actual)) => match wanted.split_once("failed:") {
                Some((start, _)) => actual.starts_with(start),
                None => wanted == actual,
            },
            _ => wanted.identical(actual),
        };
        if !same {
            return Err(format!("error {wanted:?} expected, {actual:?} came").into());
        }
    }
    Ok(())
}
