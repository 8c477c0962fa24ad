//! The rows of state modules, and finding one by name.

use std::collections::{BTreeMap, BTreeSet};

use fleet_common::call::unbuilt::is_unbuilt_state;
use fleet_common::call::{ArgError, ArgRow, Arguments};
use fleet_common::diag::nearest;

use super::AnyState;

/// Binds arguments to a state; the name is `module.function` for messages.
pub type Make = fn(&str, Arguments) -> Result<Box<dyn AnyState>, ArgError>;

/// One state function.
pub struct StateFunction {
    /// Name within its module (`managed`).
    pub name: &'static str,
    /// What it does: first line a summary, then details.
    pub doc: &'static str,
    /// A declaration as written in an SLS file.
    pub example: &'static str,
    /// Its arguments, from `args!`.
    pub args: &'static [ArgRow],
    /// Binds a chunk's arguments.
    pub make: Make,
}

/// A state module.
pub struct StateModule {
    /// Name before the dot (`file`).
    pub name: &'static str,
    /// What it manages.
    pub doc: &'static str,
    /// True if its states react to a changed watch (`mod_watch` in the reference).
    pub reacts: bool,
    /// Its functions.
    pub functions: &'static [StateFunction],
}

/// All state functions of a minion, by name.
pub struct States {
    functions: BTreeMap<(&'static str, &'static str), &'static StateFunction>,
    reacting: BTreeSet<&'static str>,
}

impl States {
    /// The states of these modules. One declared twice is a defect and panics at start.
    pub fn new(modules: &[&'static StateModule]) -> Self {
        let mut functions = BTreeMap::new();
        for module in modules {
            for function in module.functions {
                let former = functions.insert((module.name, function.name), function);
                assert!(former.is_none(), "state {}.{} is declared twice", module.name, function.name);
            }
        }
        let reacting = modules.iter().filter(|module| module.reacts).map(|module| module.name).collect();
        Self { functions, reacting }
    }

    /// The function, if there is one.
    pub fn find(&self, module: &str, function: &str) -> Option<&'static StateFunction> {
        // A range look-up by value: the keys are 'static, what is asked for is not.
        let from = std::ops::Bound::Included((module, function));
        let found = self.functions.range::<(&str, &str), _>((from, std::ops::Bound::Unbounded)).next();
        found.filter(|((m, f), _)| *m == module && *f == function).map(|(_, row)| *row)
    }

    /// True if the states of this module react to a changed watch.
    pub fn reacts(&self, module: &str) -> bool {
        self.reacting.contains(module)
    }

    /// Why there is no such function: what to say, and what may have been meant.
    pub fn missing(&self, module: &str, function: &str) -> (String, Option<String>) {
        let typed = format!("{module}.{function}");
        if is_unbuilt_state(module, function) {
            return (format!("the state function '{typed}' is not implemented"), None);
        }
        let known: Vec<String> = self.names();
        let near = nearest(&typed, known.iter().map(String::as_str));
        (format!("there is no state function '{typed}'"), near.map(|near| format!("did you mean '{near}'?")))
    }

    /// All names, `module.function`, sorted.
    pub fn names(&self) -> Vec<String> {
        self.functions.keys().map(|(module, function)| format!("{module}.{function}")).collect()
    }
}
