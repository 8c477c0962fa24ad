//! Execution functions.

use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use super::{Case, Scratch, Verdict, compare, minion};

/// Classes of errors that the reference words itself; all others are crashes whose text does not bind.
const WORDED: &[&str] = &["SaltException", "CommandExecutionError", "SaltInvocationError", "CommandNotFoundError"];

/// Runs the steps of one case on one minion.
pub(super) fn run(case: &Case) -> Verdict {
    match steps(case) {
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

fn steps(case: &Case) -> Result<(), Trouble> {
    let scratch = Scratch::new(&case.input)?;
    let act = minion::context(case, &scratch)?;
    let input = scratch.substitute(&case.input);
    let steps = input.get("steps").and_then(Value::as_list).unwrap_or_default();
    let results = case.expected.get("results").and_then(Value::as_list).unwrap_or_default();
    for (number, (step, expected)) in steps.iter().zip(results).enumerate() {
        let function = step.get("fun").and_then(Value::as_str).unwrap_or_default();
        let arguments = Arguments {
            positional: step.get("args").and_then(Value::as_list).unwrap_or_default().to_vec(),
            keyword: step.get("kwargs").and_then(Value::as_map).cloned().unwrap_or_default(),
        };
        let answer = act.run(function, arguments);
        check(expected, answer, case, &scratch).map_err(|trouble| match trouble {
            Trouble::Differs(why) => Trouble::Differs(format!("step {number} {function}: {why}")),
            Trouble::Missing(what) => Trouble::Missing(what),
        })?;
    }
    if case.input.get("notree").is_some_and(Value::truthy) {
        return Ok(());
    }
    let empty = Value::Map(Map::new());
    compare(case.expected.get("tree").unwrap_or(&empty), &scratch.tree()?).map_err(|why| format!("tree{why}").into())
}

fn check(expected: &Value, answer: CallResult, case: &Case, scratch: &Scratch) -> Result<(), Trouble> {
    if let Some(error) = expected.get("error") {
        return match answer {
            Ok(outcome) => Err(format!("an error was expected: {error:?}, {:?} came", outcome.value).into()),
            Err(fault) => check_error(error, &fault, scratch),
        };
    }
    let outcome = match answer {
        Ok(outcome) => outcome,
        Err(CallError::Unknown { function, .. }) => return Err(Trouble::Missing(function)),
        Err(CallError::Unsupported(what)) => return Err(Trouble::Missing(what)),
        Err(error) => return Err(format!("refused: {error}").into()),
    };
    let mut value = scratch.mask(&outcome.value);
    let mut wanted = expected.get("return").cloned().unwrap_or_default();
    if case.input.get("sorted").is_some_and(Value::truthy) {
        value = sorted(value);
        wanted = sorted(wanted);
    }
    compare(&wanted, &without_pid(value))?;
    let retcode = expected.get("retcode").and_then(Value::as_int).unwrap_or(0);
    if retcode != i64::from(outcome.retcode) {
        return Err(format!("retcode {retcode} expected, {} came", outcome.retcode).into());
    }
    Ok(())
}

fn check_error(expected: &Value, fault: &CallError, scratch: &Scratch) -> Result<(), Trouble> {
    let class = expected.get("class").and_then(Value::as_str).unwrap_or_default();
    let missing = matches!(fault, CallError::Unknown { .. } | CallError::Unsupported(_));
    match class {
        "FunctionNotAvailable" if missing => return Ok(()),
        "FunctionNotAvailable" => return Err(format!("the function should not be there: {fault}").into()),
        _ if missing => return Err(Trouble::Missing(fault.to_string())),
        class if !WORDED.contains(&class) => return Ok(()),
        _ => {}
    }
    let wanted = expected.get("message").and_then(Value::as_str).unwrap_or_default();
    let Value::Str(text) = scratch.mask(&Value::from(fault.to_string())) else { return Ok(()) };
    // Texts that go on with the interpreter's own are recorded with dots.
    let fits = match wanted.split_once("...") {
        Some((start, _)) => text.starts_with(start.trim_end()),
        None => text == wanted || super::compare::masked(wanted, &text),
    };
    if fits { Ok(()) } else { Err(format!("the error {wanted:?} was expected, {text:?} came").into()) }
}

/// Process ids differ by nature and are absent in the recordings.
fn without_pid(mut value: Value) -> Value {
    if let Some(map) = value.as_map_mut() {
        map.remove("pid");
    }
    value
}

fn sorted(value: Value) -> Value {
    let Value::List(mut items) = value else { return value };
    items.sort_by_key(|item| format!("{item:?}"));
    Value::List(items)
}
