//! `kmod.*`: modules of the kernel.

use std::collections::BTreeSet;

use fleet_common::args;
use fleet_common::value::Map;

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::kmod as tool;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "kmod",
    doc: "Modules of the kernel.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "Modules that are loaded.",
            example: "kvm_amd: {kmod.present: [{persist: true}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "Modules that are not loaded.",
            example: "old ones: {kmod.absent: [{mods: [floppy, pcspkr]}]}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `kmod.present`.
    struct Present {
        /// The module, unless there are `mods`.
        name: String,
        /// Also at the next start.
        persist: bool = false,
        /// Several modules.
        mods: Vec<String> = Vec::new(),
    }
}

args! {
    /// Arguments of `kmod.absent`.
    struct Absent {
        /// The module, unless there are `mods`.
        name: String,
        /// Also not at the next start.
        persist: bool = false,
        /// Turn lines for the next start into comments instead of removing them.
        comment: bool = true,
        /// Several modules.
        mods: Vec<String> = Vec::new(),
    }
}

/// The modules in the kernel's writing, each once.
fn wanted(name: &str, mods: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let alone = mods.is_empty().then_some(name);
    for name in mods.iter().map(String::as_str).chain(alone) {
        let name = tool::plain(name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// `Kernel module a VERB` or `Kernel modules a, b VERB`.
fn say(names: &[String], one: &str, many: &str) -> String {
    match names {
        [name] => format!("Kernel module {name} {one}"),
        _ => format!("Kernel modules {} {many}", names.join(", ")),
    }
}

/// `Loaded kernel module a` or `Loaded kernel modules a, b`.
fn done(verb: &str, names: &[String]) -> String {
    format!("{verb} kernel module{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", "))
}

fn changes(names: &[String], word: &str) -> Map {
    names.iter().map(|name| (name.as_str(), word)).collect()
}

impl State for Present {
    type Todo = Vec<String>;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Vec<String>>, Failure> {
        let (loaded, built_in) = (tool::names()?, tool::built_in()?);
        let kept = if self.persist { Some(tool::kept()?) } else { None };
        let is_there = |name: &String| {
            (loaded.contains(name) || built_in.contains(name)) && kept.as_ref().is_none_or(|kept| kept.contains(name))
        };
        let (there, missing): (Vec<_>, Vec<_>) = wanted(&self.name, &self.mods).into_iter().partition(is_there);
        let present = say(&there, "is already present", "are already present");
        if missing.is_empty() {
            return Ok(Plan::Nothing(Report::new(present)));
        }
        let known = tool::available()?;
        let unknown: Vec<String> =
            missing.iter().filter(|name| !loaded.contains(*name) && !known.contains(*name)).cloned().collect();
        if !unknown.is_empty() {
            return Err(Failure::new(say(&unknown, "is unavailable", "are unavailable")));
        }
        let report = |text: String| {
            let text = if there.is_empty() { text } else { format!("{present}\n{text}") };
            Report::new(text).changes(changes(&missing, "loaded"))
        };
        let would = report(say(&missing, "is set to be loaded", "are set to be loaded"));
        Ok(Plan::Change { would, did: report(done("Loaded", &missing)), todo: missing })
    }

    fn apply(&self, act: &Act, todo: Vec<String>) -> Result<Applied, Failure> {
        each(&todo, "loaded", |name| tool::load(act, name, self.persist).map(drop))
    }
}

impl State for Absent {
    type Todo = Vec<String>;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Vec<String>>, Failure> {
        let loaded = tool::names()?;
        let kept = if self.persist { tool::kept()? } else { BTreeSet::new() };
        let names = wanted(&self.name, &self.mods);
        let there: Vec<String> =
            names.iter().filter(|name| loaded.contains(*name) || kept.contains(*name)).cloned().collect();
        if there.is_empty() {
            return Ok(Plan::Nothing(Report::new(say(&names, "is already removed", "are already removed"))));
        }
        let report = |text: String| Report::new(text).changes(changes(&there, "removed"));
        let would = report(say(&there, "is set to be removed", "are set to be removed"));
        Ok(Plan::Change { would, did: report(done("Removed", &there)), todo: there })
    }

    fn apply(&self, act: &Act, todo: Vec<String>) -> Result<Applied, Failure> {
        each(&todo, "removed", |name| tool::remove(act, name, self.persist, self.comment).map(drop))
    }
}

/// Does one after the other; a failure tells what had changed by then.
fn each(
    names: &[String],
    word: &str,
    act: impl Fn(&str) -> Result<(), fleet_common::call::CallError>,
) -> Result<Applied, Failure> {
    for (place, name) in names.iter().enumerate() {
        if let Err(error) = act(name) {
            return Err(Failure(Report::new(error.to_string()).changes(changes(&names[..place], word))));
        }
    }
    Ok(Applied::AsPlanned)
}
