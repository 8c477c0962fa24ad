//! `module.*`: functions run as states.

use fleet_common::args;
use fleet_common::call::{ArgError, Arguments, CallError, Rest};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::{Failure, OpaqueRun, OpaqueState, Report, StateFunction, StateModule, StateResult, Trigger};
use crate::cx::{Act, Look};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "module",
    doc: "Functions run as states.",
    reacts: true,
    functions: &[
        StateFunction {
            name: "run",
            doc: "Runs functions: `- module.function: [arguments]`, or one named by `name` with its arguments beside it.",
            example: "look: {module.run: [{test.echo: [hello]}]}",
            args: Calls::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(Always(Calls::bind(f, a)?)))),
        },
        StateFunction {
            name: "wait",
            doc: "Runs functions only when something it watches changed.",
            example: "look: {module.wait: [{name: test.echo}, {text: hello}]}",
            args: Calls::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(OnWatch(Calls::bind(f, a)?)))),
        },
    ],
};

args! {
    /// Arguments of `module.run` and `module.wait`.
    struct Calls {
        /// The function, in the form with one function.
        name: String,
        /// Its arguments by position.
        args: Value = Value::Null,
        /// Its arguments by name.
        kwargs: Option<Map> = None,
        /// Sends the result to a returner; not used here.
        returner: Value = Value::Null,
        /// Functions and their arguments, or the arguments of the one function.
        **rest: Map,
    }
}

/// `module.run`.
struct Always(Calls);
/// `module.wait`.
struct OnWatch(Calls);

impl OpaqueState for Always {
    fn would(&self, act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        Ok(self.0.named(self.0.would(act)))
    }
    fn run(&self, act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        Ok(self.0.named(self.0.run(act)))
    }
}

impl OpaqueState for OnWatch {
    fn would(&self, act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        if matches!(trigger, Trigger::Watch(_)) { Ok(self.0.named(self.0.would(act))) } else { Ok(idle()) }
    }
    fn run(&self, act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        if matches!(trigger, Trigger::Watch(_)) { Ok(self.0.named(self.0.run(act))) } else { Ok(idle()) }
    }
}

fn idle() -> StateResult {
    StateResult::new(Some(true), Report::default())
}

impl Calls {
    /// The result, under the names of the functions in the form with several.
    fn named(&self, answer: Result<StateResult, Failure>) -> StateResult {
        let result = answer.unwrap_or_else(|failure| StateResult::new(Some(false), failure.0));
        let names: Vec<Value> = self.several().iter().map(|(name, _)| Value::from(*name)).collect();
        StateResult { name: (!names.is_empty()).then(|| Value::List(names)), ..result }
    }

    /// The functions of the form with several; empty in the form with one.
    fn several(&self) -> Vec<(&str, &Value)> {
        self.rest
            .iter()
            .filter_map(|(key, value)| Some((key.as_str()?, value)))
            .filter(|(key, _)| key.contains('.'))
            .collect()
    }

    /// Refuses functions that do not exist.
    fn check(&self, look: &Look) -> Result<Vec<(&str, &Value)>, Failure> {
        let several = self.several();
        let unknown = |name: &str| look.functions().find(name).is_err();
        if several.is_empty() && unknown(&self.name) {
            return Err(Failure::new(format!("Module function {} is not available", self.name)));
        }
        let missing: Vec<&str> = several.iter().map(|(name, _)| *name).filter(|name| unknown(name)).collect();
        match missing.as_slice() {
            [] => Ok(several),
            [one] => Err(Failure::new(format!("Unavailable function: {one}."))),
            all => Err(Failure::new(format!("Unavailable functions: {}.", all.join(", ")))),
        }
    }

    fn would(&self, look: &Look) -> Result<StateResult, Failure> {
        let several = self.check(look)?;
        let names: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
        let text = match names.as_slice() {
            [] => format!("Module function {} is set to execute", self.name),
            [one] => format!("Function {one} to be executed."),
            all => format!("Functions {} to be executed.", all.join(", ")),
        };
        Ok(StateResult::new(None, Report::new(text)))
    }

    fn run(&self, act: &Act) -> Result<StateResult, Failure> {
        let several = self.check(act)?;
        if several.is_empty() {
            return self.run_one(act);
        }
        let (mut failed, mut fine, mut changes) = (Vec::new(), Vec::new(), Map::new());
        for (name, arguments) in several {
            match act.run(name, given(arguments)) {
                Err(error) => failed.push(format!("'{name}' failed: {}", worded(&error))),
                Ok(outcome) if outcome.value == Value::Bool(false) => failed.push(format!("'{name}': False")),
                Ok(outcome) => {
                    let text = match &outcome.value {
                        Value::Map(_) | Value::List(_) => "Success".to_owned(),
                        value => str_(value),
                    };
                    fine.push(format!("{name}: {text}"));
                    changes.insert(name, outcome.value);
                }
            }
        }
        let result = Some(failed.is_empty());
        failed.extend(fine);
        Ok(StateResult::new(result, Report::new(failed.join(", ")).changes(changes)))
    }

    fn run_one(&self, act: &Act) -> Result<StateResult, Failure> {
        let name = &self.name;
        let outcome = match act.run(name, self.arguments(act)) {
            Err(CallError::Arguments(ArgError::Missing { name, .. })) => {
                return Err(Failure::new(format!("The following arguments are missing: {name}")));
            }
            Err(error) => {
                return Err(Failure::new(format!("Module function {name} threw an exception. Exception: {error}")));
            }
            Ok(outcome) => outcome,
        };
        let result = match &outcome.value {
            Value::Bool(truth) => *truth,
            Value::Map(map) => match (map.get("retcode").and_then(Value::as_int), map.get("result")) {
                (Some(status), _) if status != 0 => false,
                (_, Some(Value::Bool(truth))) => *truth,
                _ => true,
            },
            _ => true,
        };
        let report = Report::new(format!("Module function {name} executed")).change("ret", outcome.value);
        Ok(StateResult::new(Some(result), report))
    }

    /// The arguments of the one function: those it takes. Others are left out, as in the reference.
    fn arguments(&self, look: &Look) -> Arguments {
        let rows = look.functions().row(&self.name).map(|row| row.args).unwrap_or_default();
        let open = rows.iter().any(|row| row.rest == Rest::Keyword);
        let positional = match &self.args {
            Value::Null => Vec::new(),
            Value::List(items) => items.clone(),
            one => vec![one.clone()],
        };
        let mut keyword = self.kwargs.clone().unwrap_or_default();
        for (key, value) in &self.rest {
            // Names that mean something to every state are written with m_.
            let Some(key) = key.as_str() else { continue };
            let plain = key.strip_prefix("m_").filter(|plain| ["name", "fun", "state", "saltenv"].contains(plain));
            let key = plain.unwrap_or(key);
            if open || rows.iter().any(|row| row.name == key) {
                keyword.insert(key, value.clone());
            }
        }
        Arguments { positional, keyword }
    }
}

/// The arguments of one function of several: plain items by position, mappings by name.
fn given(written: &Value) -> Arguments {
    let mut arguments = Arguments::default();
    match written {
        Value::Null => {}
        Value::List(items) => {
            for item in items {
                match item {
                    Value::Map(map) => arguments.keyword.extend(map.clone()),
                    other => arguments.positional.push(other.clone()),
                }
            }
        }
        Value::Map(map) => arguments.keyword = map.clone(),
        one => arguments.positional.push(one.clone()),
    }
    arguments
}

fn worded(error: &CallError) -> String {
    match error {
        CallError::Arguments(ArgError::Missing { name, .. }) => format!("Missing arguments: {name}"),
        other => other.to_string(),
    }
}
