//! `test.*`: states that only report; for trying requisites and trees.

use fleet_common::args;
use fleet_common::call::{ArgError, Arguments, Facts};
use fleet_common::value::path::traverse;
use fleet_common::value::{Map, Value};

use super::{AnyState, Failure, OpaqueRun, OpaqueState, Report, StateFunction, StateModule, StateResult, Trigger};
use crate::cx::Act;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "test",
    doc: "States that only report: for trying requisites and trees.",
    reacts: true,
    functions: &[
        StateFunction {
            name: "nop",
            doc: "Does nothing and succeeds.",
            example: "x: {test.nop: []}",
            args: Any::ROWS,
            make: nop,
        },
        StateFunction {
            name: "succeed_without_changes",
            doc: "Succeeds without changes.",
            example: "x: {test.succeed_without_changes: []}",
            args: Commented::ROWS,
            make: |f, a| pretend(f, a, true, false),
        },
        StateFunction {
            name: "succeed_with_changes",
            doc: "Succeeds and reports a change.",
            example: "x: {test.succeed_with_changes: []}",
            args: Commented::ROWS,
            make: |f, a| pretend(f, a, true, true),
        },
        StateFunction {
            name: "fail_without_changes",
            doc: "Fails without changes.",
            example: "x: {test.fail_without_changes: []}",
            args: Commented::ROWS,
            make: |f, a| pretend(f, a, false, false),
        },
        StateFunction {
            name: "fail_with_changes",
            doc: "Fails and reports a change.",
            example: "x: {test.fail_with_changes: []}",
            args: Commented::ROWS,
            make: |f, a| pretend(f, a, false, true),
        },
        StateFunction {
            name: "configurable_test_state",
            doc: "Succeeds or fails, with or without changes, as told.",
            example: "x: {test.configurable_test_state: [{changes: false}, {result: true}, {comment: hello}]}",
            args: Configurable::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(Configurable::bind(f, a)?))),
        },
        StateFunction {
            name: "show_notification",
            doc: "Shows a text.",
            example: "x: {test.show_notification: [{text: hello}]}",
            args: Notification::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(Notification::bind(f, a)?))),
        },
        StateFunction {
            name: "check_pillar",
            doc: "Fails unless pillar keys are there and of the wanted kinds.",
            example: "x: {test.check_pillar: [{present: 'a:b'}]}",
            args: CheckPillar::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(CheckPillar::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `test.nop`: any.
    struct Any {
        /// Anything.
        **anything: Map,
    }
}

args! {
    /// Arguments of the states with a fixed end.
    struct Commented {
        /// The name.
        name: String,
        /// Said instead of the usual text.
        comment: Option<String> = None,
        /// Anything else is taken and does nothing, as in the reference.
        **anything: Map,
    }
}

args! {
    /// Arguments of `test.configurable_test_state`.
    struct Configurable {
        /// The name.
        name: String,
        /// True, False or 'Random'.
        changes: Value = Value::Bool(true),
        /// True, False or 'Random'.
        result: Value = Value::Bool(true),
        /// What it says.
        comment: Option<String> = None,
        /// Warnings, a text or a list.
        warnings: Option<Value> = None,
    }
}

args! {
    /// Arguments of `test.show_notification`.
    struct Notification {
        /// The name.
        name: String,
        /// The text.
        text: Option<String> = None,
        /// Anything else does nothing.
        **anything: Map,
    }
}

args! {
    /// Arguments of `test.check_pillar`: keys by kind, each one key or a list of keys.
    struct CheckPillar {
        /// The name.
        name: String,
        /// Must be there.
        present: Vec<String> = Vec::new(),
        /// Taken for trees written for the reference, which does not check it either.
        boolean: Vec<String> = Vec::new(),
        /// Must be an integer.
        integer: Vec<String> = Vec::new(),
        /// Must be text.
        string: Vec<String> = Vec::new(),
        /// Must be a list.
        listing: Vec<String> = Vec::new(),
        /// Must be a mapping.
        dictionary: Vec<String> = Vec::new(),
        /// Shown in the comment.
        verbose: bool = false,
    }
}

/// A state whose dry and real answers are known beforehand.
struct Pretend {
    dry: StateResult,
    real: StateResult,
    /// True when a changed watch is answered too.
    watches: bool,
}

fn nop(function: &str, arguments: Arguments) -> Result<Box<dyn AnyState>, ArgError> {
    Any::bind(function, arguments)?;
    let fine = StateResult::new(Some(true), Report::new("Success!"));
    Ok(Box::new(OpaqueRun(Pretend { dry: fine.clone(), real: fine, watches: true })))
}

fn pretend(function: &str, arguments: Arguments, succeeds: bool, changes: bool) -> Result<Box<dyn AnyState>, ArgError> {
    let Commented { comment, .. } = Commented::bind(function, arguments)?;
    let usual = if succeeds { "Success!" } else { "Failure!" };
    let dry_usual = match (succeeds, changes) {
        (true, false) => usual,
        (true, true) => "If we weren't testing, this would be successful with changes",
        (false, false) => "If we weren't testing, this would be a failure!",
        (false, true) => "If we weren't testing, this would be failed with changes",
    };
    let report = |comment: &str| {
        let report = Report::new(comment);
        if changes { report.changes(pretended()) } else { report }
    };
    // Of a change that is predicted, the comment of the declaration is not heard.
    let dry_comment = comment.as_deref().filter(|_| !changes).unwrap_or(dry_usual);
    let dry = StateResult::new(if changes { None } else { Some(succeeds) }, report(dry_comment));
    let real = StateResult::new(Some(succeeds), report(comment.as_deref().unwrap_or(usual)));
    Ok(Box::new(OpaqueRun(Pretend { dry, real, watches: true })))
}

/// The change that these states report.
fn pretended() -> Map {
    let change: Map = [("old", "Unchanged"), ("new", "Something pretended to change")].into_iter().collect();
    [("testing", change)].into_iter().collect()
}

/// What the reference's `test.mod_watch` answers.
fn watched(changed: &[String]) -> StateResult {
    let report = Report::new("Watch statement fired.").change("Requisites with changes", changed.to_vec());
    StateResult::new(Some(true), report)
}

impl OpaqueState for Pretend {
    fn would(&self, _act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        Ok(if let Trigger::Watch(changed) = trigger { watched(changed) } else { self.dry.clone() })
    }
    fn run(&self, _act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        Ok(if let Trigger::Watch(changed) = trigger { watched(changed) } else { self.real.clone() })
    }
    fn watches(&self) -> bool {
        self.watches
    }
}

impl Configurable {
    fn answer(&self, dry: bool) -> Result<StateResult, Failure> {
        let changes = chosen(&self.changes, "changes")?;
        let succeeds = chosen(&self.result, "result")?;
        let comment = self.comment.clone().filter(|comment| !comment.is_empty());
        let report = Report::new(comment.unwrap_or_else(|| if dry { "This is a test" } else { "" }.to_owned()));
        let report = if changes { report.changes(pretended()) } else { report };
        let result = match (dry, changes) {
            (true, true) => None,
            // The reference calls a dry run without changes a success, whatever was asked for.
            (true, false) => Some(true),
            (false, _) => Some(succeeds),
        };
        let mut result = StateResult::new(result, report);
        result.warnings = match &self.warnings {
            Some(Value::Str(text)) => vec![text.clone()],
            Some(Value::List(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        };
        Ok(result)
    }
}

/// A switch of `configurable_test_state`; 'Random' is decided by the time's lowest bits.
fn chosen(value: &Value, option: &str) -> Result<bool, Failure> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::Str(text) if text == "Random" => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            Ok(now.subsec_micros().is_multiple_of(2))
        }
        _ => Err(Failure::new(format!(
            "You have specified the state option '{option}' with invalid arguments. It must be either True, False, or 'Random'"
        ))),
    }
}

impl OpaqueState for Configurable {
    fn would(&self, _act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        if let Trigger::Watch(changed) = trigger { Ok(watched(changed)) } else { self.answer(true) }
    }
    fn run(&self, _act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        if let Trigger::Watch(changed) = trigger { Ok(watched(changed)) } else { self.answer(false) }
    }
}

impl OpaqueState for Notification {
    fn would(&self, _act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        let Some(text) = self.text.as_ref().filter(|text| !text.is_empty()) else {
            return Err(Failure::new("Missing required argument text."));
        };
        Ok(StateResult::new(Some(true), Report::new(text.as_str())))
    }
    fn run(&self, act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        self.would(act, trigger)
    }
}

impl OpaqueState for CheckPillar {
    fn would(&self, act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        let pillar = Value::Map((*act.pillar()).clone());
        let found = |key: &str| traverse(&pillar, key, ":").filter(|value| !value.is_null());
        let mut comment = String::new();
        for key in self.present.iter().filter(|key| found(key).is_none()) {
            comment.push_str(&format!("Pillar key \"{key}\" is missing.\n"));
        }
        type Fits = fn(&Value) -> bool;
        // The reference never checks `boolean`; trees that pass there must pass here.
        let kinds: [(&[String], &str, Fits); 4] = [
            (&self.integer, "<class 'int'>", |value| {
                matches!(value, Value::Int(_) | Value::BigInt(_) | Value::Bool(_))
            }),
            (&self.string, "(<class 'str'>,)", |value| matches!(value, Value::Str(_))),
            (&self.listing, "<class 'list'>", |value| matches!(value, Value::List(_))),
            (&self.dictionary, "<class 'dict'>", |value| matches!(value, Value::Map(_))),
        ];
        for (keys, kind, fits) in kinds {
            for key in keys.iter().filter(|key| !found(key).is_some_and(fits)) {
                comment.push_str(&format!("Pillar key \"{key}\" is not {kind}.\n"));
            }
        }
        let result = Some(comment.is_empty());
        Ok(StateResult::new(result, Report::new(comment)))
    }
    fn run(&self, act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        self.would(act, trigger)
    }
}
