//! `environ.*`: variables of the job and the commands it runs.

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::{Failure, OpaqueRun, OpaqueState, Report, StateFunction, StateModule, StateResult, Trigger};
use crate::cx::{Act, Look};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "environ",
    doc: "Variables of the job and the commands it runs.",
    reacts: false,
    functions: &[StateFunction {
        name: "setenv",
        doc: "Variables with the given values for the rest of the run.",
        example: "http_proxy: {environ.setenv: [{value: 'http://proxy:3128'}]}",
        args: Setenv::ROWS,
        make: |f, a| Ok(Box::new(OpaqueRun(Setenv::bind(f, a)?))),
    }],
};

args! {
    /// Arguments of `environ.setenv`.
    struct Setenv {
        /// The variable.
        name: String,
        /// Its value, false for none, or a mapping of variables.
        value: Value,
        /// False removes a variable instead of emptying it.
        false_unsets: bool = false,
        /// Empty (or remove) all other variables.
        clear_all: bool = false,
        /// Taken for trees written for the reference: the daemon's own environment is never changed.
        update_minion: bool = false,
        /// On Windows only; not used.
        permanent: bool = false,
    }
}

/// Opaque, since a dry run of the reference answers true where it would change.
impl OpaqueState for Setenv {
    fn would(&self, act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        let changes = self.changes(act)?;
        let text = if changes.is_empty() {
            "Environ values are already set with the correct values"
        } else {
            "Environ values will be changed"
        };
        Ok(StateResult::new(Some(true), Report::new(text).changes(changes)))
    }

    fn run(&self, act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        let changes = self.changes(act)?;
        if changes.is_empty() {
            let text = "Environ values were already set with the correct values";
            return Ok(StateResult::new(Some(true), Report::new(text)));
        }
        if changes.values().any(|value| !matches!(value, Value::Str(_) | Value::Null)) {
            return Err(Failure(Report::new("Failed to set environ variables").changes(changes)));
        }
        for (name, value) in &changes {
            act.environment().set(name.as_str().unwrap_or_default(), value.as_str().map(str::to_owned));
        }
        Ok(StateResult::new(Some(true), Report::new("Environ values were set").changes(changes)))
    }

    fn watches(&self) -> bool {
        false
    }
}

impl Setenv {
    /// Variables whose value differs, with the value they get; none: removed.
    fn changes(&self, look: &Look) -> Result<Map, Failure> {
        let wanted: Map = match &self.value {
            Value::Map(map) => map.clone(),
            Value::Str(_) | Value::Bool(false) => [(self.name.as_str(), self.value.clone())].into_iter().collect(),
            _ => return Err(Failure::new("Environ value must be string, dict or False")),
        };
        let gone = if self.false_unsets { Value::Null } else { Value::from("") };
        let mut changes = Map::new();
        for (name, value) in &wanted {
            let now = look.environment().get(name.as_str().unwrap_or_default());
            let differs = match value {
                Value::Bool(false) if self.false_unsets => now.is_some(),
                Value::Bool(false) => now.as_deref() != Some(""),
                value => value.as_str() != Some(now.as_deref().unwrap_or_default()),
            };
            if differs {
                let value = if matches!(value, Value::Bool(false)) { gone.clone() } else { value.clone() };
                changes.insert(name.clone(), value);
            }
        }
        if self.clear_all {
            let others = look.environment().all().into_keys().filter(|name| !wanted.contains(name.as_str()));
            changes.extend(others.map(|name| (name, gone.clone())));
        }
        Ok(changes)
    }
}
