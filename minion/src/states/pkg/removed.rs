//! `pkg.removed` and `pkg.purged`.

use fleet_common::args;
use fleet_common::call::CallError;
use fleet_common::value::{Map, Value};

use super::shared::predicted;
use crate::cx::{Act, Look};
use crate::modules::pkg::{difference, fulfils, packages, purged, removal_problem, wanted};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::packages::{InstallOptions, Packages, Step};

args! {
    /// Arguments of `pkg.removed` and `pkg.purged`.
    pub struct Removing {
        /// The package.
        name: String,
        /// Only if it is this version.
        version: Option<String> = None,
        /// Several packages instead of the name: names, or mappings of names to versions.
        pkgs: Value = Value::Null,
        /// Drop the machine's own architecture from names.
        normalize: bool = true,
        /// Compare versions without their epoch.
        ignore_epoch: Option<bool> = None,
    }
}

/// `pkg.removed`.
pub struct Removed(pub Removing);
/// `pkg.purged`.
pub struct Purged(pub Removing);

/// What is to go, and what is not there anyway.
#[derive(Debug, Clone)]
pub struct Todo {
    targets: Vec<String>,
    absent: Vec<String>,
}

impl Removing {
    fn todo(&self, manager: &dyn Packages, known: bool) -> Result<Todo, CallError> {
        let own = if self.normalize { manager.own_endings() } else { Vec::new() };
        let all = wanted(Some(&self.name), self.version.as_deref(), &self.pkgs, &own)?;
        let there = if known { manager.known()? } else { manager.installed()? };
        let is_target = |name: &str, version: Option<&str>| {
            there.get(name).is_some_and(|now| {
                version.is_none_or(|asked| {
                    fulfils(manager.scheme(), now, asked, self.ignore_epoch.unwrap_or(false), false)
                })
            })
        };
        let (mut targets, mut absent) = (Vec::new(), Vec::new());
        for one in all {
            if is_target(&one.name, one.version.as_deref()) { targets.push(one.name) } else { absent.push(one.name) }
        }
        targets.sort();
        absent.sort();
        Ok(Todo { targets, absent })
    }

    fn settled(&self, purge: bool) -> Report {
        let versions = self.version.is_some();
        Report::new(match (purge, versions) {
            (true, _) => "None of the targeted packages are installed or partially installed",
            (false, true) => "All specified packages (matching specified versions) are already absent",
            (false, false) => "All specified packages are already absent",
        })
    }

    fn plan(&self, look: &Look, purge: bool) -> Result<Plan<Todo>, Failure> {
        let (function, word) = if purge { ("pkg.purged", "purged") } else { ("pkg.removed", "removed") };
        let manager = packages(look, function)?;
        let todo = self.todo(&*manager, purge)?;
        if todo.targets.is_empty() {
            return Ok(Plan::Nothing(self.settled(purge)));
        }
        let step = if purge { Step::Purge(todo.targets.clone()) } else { Step::Remove(todo.targets.clone()) };
        let (changes, _) = predicted(&*manager, &step, &InstallOptions::default(), std::iter::empty())
            .map_err(|error| Failure::from(removal_problem(&error)))?;
        let kinds = purge && manager.keeps_configuration();
        let changes = if kinds { by_kind(&*manager, changes)? } else { changes };
        let would = Report::new(format!("The following packages will be {word}: {}.", todo.targets.join(", ")));
        let did = Report::default().changes(changes.clone());
        Ok(Plan::Change { todo, would: would.changes(changes), did })
    }

    fn apply(&self, act: &Act, todo: &Todo, purge: bool) -> Result<Applied, Failure> {
        let (function, word) = if purge { ("pkg.purged", "purged") } else { ("pkg.removed", "removed") };
        let manager = packages(act, function)?;
        let before = (manager.installed().map_err(CallError::from)?, manager.known().map_err(CallError::from)?);
        let step = if purge { Step::Purge(todo.targets.clone()) } else { Step::Remove(todo.targets.clone()) };
        let done = manager.carry_out(&step, &InstallOptions::default());
        let gone = difference(&before.0, &manager.installed().map_err(CallError::from)?);
        let after = self.todo(&*manager, purge)?.targets;
        let kinds = purge && manager.keeps_configuration();
        let changes =
            if kinds { purged(difference(&before.1, &manager.known().map_err(CallError::from)?), gone) } else { gone };
        if let Err(error) = done {
            return Err(Failure(Report::new(removal_problem(&error).to_string()).changes(changes)));
        }
        let (failed, went): (Vec<&str>, Vec<&str>) =
            todo.targets.iter().map(String::as_str).partition(|name| after.iter().any(|left| left == name));
        let mut texts = Vec::new();
        if !failed.is_empty() {
            let verb = if purge { "purge" } else { "remove" };
            texts.push(format!("The following packages failed to {verb}: {}.", failed.join(", ")));
        }
        if !todo.absent.is_empty() {
            texts.push(format!("The following packages were not installed: {}", todo.absent.join(", ")));
        }
        if !went.is_empty() {
            texts.push(if failed.is_empty() && todo.absent.is_empty() {
                format!("All targeted packages were {word}.")
            } else {
                format!("The following packages were {word}: {}.", went.join(", "))
            });
        }
        let report = Report::new(texts.join(" ")).changes(changes);
        if failed.is_empty() { Ok(Applied::Really(report)) } else { Err(Failure(report)) }
    }
}

/// Predicted removals in the shape of `pkg.purge`.
fn by_kind(manager: &dyn Packages, changes: Map) -> Result<Map, CallError> {
    let installed = manager.installed()?;
    let known = manager.known()?;
    let (mut gone, mut left) = (Map::new(), Map::new());
    for (name, change) in changes {
        let text = name.as_str().unwrap_or_default();
        if installed.contains_key(text) {
            gone.insert(name, change);
        } else {
            // apt does not tell the version of what has only its configuration left.
            let old = known.get(text).map_or("", String::as_str);
            left.insert(name.clone(), crate::modules::pkg::change(old, ""));
        }
    }
    Ok(purged(left, gone))
}

impl State for Removed {
    type Todo = Todo;
    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        self.0.plan(look, false)
    }
    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        self.0.apply(act, &todo, false)
    }
}

impl State for Purged {
    type Todo = Todo;
    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        self.0.plan(look, true)
    }
    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        self.0.apply(act, &todo, true)
    }
}
