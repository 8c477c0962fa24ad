//! What a call's result looks like in a return: texts, statuses and success as the reference words them.

use fleet_common::call::{CallError, CallResult, Outcome};
use fleet_common::diag::Diagnostic;
use fleet_common::proto::worker::Finished;
use fleet_common::value::Value;

/// Functions of `state` whose answer is a state run, shown by the `highstate` outputter.
const STATE_RUNS: &[&str] = &[
    "apply",
    "apply_",
    "check_request",
    "highstate",
    "pkg",
    "run_request",
    "request",
    "single",
    "sls",
    "sls_id",
    "template",
    "template_str",
    "test",
    "top",
];

/// Turns a call's result into what its return says.
pub fn settle(fun: &str, result: CallResult) -> Finished {
    let error = match result {
        Ok(outcome) => return answered(fun, outcome),
        Err(error) => error,
    };
    let mut diagnostics = Vec::new();
    let (ret, refused) = match &error {
        // The text is the reference's; the nearest name travels beside it.
        CallError::Unknown { function, suggestion } => {
            let text = format!("'{function}' is not available.");
            if let Some(name) = suggestion {
                let hint = Diagnostic::user(text.trim_end_matches('.')).help(format!("did you mean '{name}'?"));
                diagnostics.push(hint);
            }
            (text, true)
        }
        CallError::Arguments(why) => (format!("Passed invalid arguments to {fun}: {why}"), true),
        CallError::Invocation(why) => (format!("ERROR executing '{fun}': {why}"), false),
        CallError::Unsupported(_) | CallError::Failed(_) | CallError::Diagnostic(_) => {
            (format!("ERROR: {error}"), false)
        }
    };
    if let CallError::Diagnostic(diagnostic) = error {
        diagnostics.push(*diagnostic);
    }
    Finished { ret: Value::from(ret), retcode: 1, success: false, refused, out: Some("nested".to_owned()), diagnostics }
}

fn answered(fun: &str, outcome: Outcome) -> Finished {
    // A mapping that itself says it failed is a failure, whatever the status.
    let says_no = |name| outcome.value.get(name).is_some_and(|said| !said.truthy());
    let retcode = if outcome.retcode == 0 && (says_no("result") || says_no("success")) { 1 } else { outcome.retcode };
    let is_run = fun.strip_prefix("state.").is_some_and(|name| STATE_RUNS.contains(&name));
    // A run that did not come about answers with texts, which the highstate outputter can not show.
    let out = (is_run && outcome.value.as_map().is_some()).then(|| "highstate".to_owned());
    let diagnostics = outcome.diagnostics;
    Finished { ret: outcome.value, retcode, success: retcode == 0, refused: false, out, diagnostics }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_common::value::Map;

    #[test]
    fn errors_are_worded_as_the_reference_words_them() {
        let say = |error| settle("test.x", Err(error));
        let unknown = say(CallError::Unknown { function: "test.x".into(), suggestion: Some("test.y".into()) });
        assert_eq!(unknown.ret, Value::from("'test.x' is not available."));
        assert!(unknown.refused && unknown.retcode == 1 && !unknown.success);
        assert_eq!(say(CallError::Failed("no".into())).ret, Value::from("ERROR: no"));
        assert_eq!(say(CallError::Invocation("no".into())).ret, Value::from("ERROR executing 'test.x': no"));
    }

    #[test]
    fn a_mapping_that_says_it_failed_is_a_failure() {
        let answer: Map = [("result", Value::Bool(false))].into_iter().collect();
        let finished = settle("test.x", Ok(Outcome::from(answer)));
        assert!(!finished.success && finished.retcode == 1);
        assert!(settle("test.ping", Ok(Outcome::from(true))).success);
    }
}
