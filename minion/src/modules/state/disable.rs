//! `state.disable`, `state.enable` and `state.list_disabled`: states that this minion refuses to run.
//!
//! The names are kept in the grain `state_runs_disabled`, where trees and tools look for them.

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult, Facts, Outcome};
use fleet_common::state::show::sls_names;
use fleet_common::value::{Map, Value};

use super::session::refused;
use crate::cx::{Act, Look};

/// The grain that holds the names.
const GRAIN: &str = "state_runs_disabled";

args! {
    /// Arguments of `state.disable` and `state.enable`.
    pub struct States {
        /// SLS files, `highstate`, or all below a folder (`web.*`); separated by commas or as a list.
        states: Value,
    }
}

args! {
    /// No arguments.
    pub struct Nothing {}
}

/// The names that are disabled.
fn disabled(look: &Look) -> Vec<String> {
    look.grains().get(GRAIN).map(sls_names).unwrap_or_default()
}

pub(super) fn list_disabled(look: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("state.list_disabled", arguments)?;
    // Where nothing was ever disabled there is no such grain, and the reference answers with an empty text.
    Ok(look.grains().get(GRAIN).cloned().unwrap_or_else(|| Value::from("")).into())
}

pub(super) fn disable(act: &Act, arguments: Arguments) -> CallResult {
    let wanted = States::bind("state.disable", arguments)?;
    change(act, &wanted.states, "disabled", |names, name| {
        let is_new = !names.iter().any(|known| known == name);
        if is_new {
            names.push(name.to_owned());
        }
        is_new
    })
}

pub(super) fn enable(act: &Act, arguments: Arguments) -> CallResult {
    let wanted = States::bind("state.enable", arguments)?;
    change(act, &wanted.states, "enabled", |names, name| {
        let before = names.len();
        names.retain(|known| known != name);
        names.len() < before
    })
}

fn change(act: &Act, wanted: &Value, word: &str, mut with: impl FnMut(&mut Vec<String>, &str) -> bool) -> CallResult {
    let mut names = disabled(act);
    let mut lines = Vec::new();
    let mut changed = false;
    for name in sls_names(wanted) {
        let is_new = with(&mut names, &name);
        changed |= is_new;
        lines.push(format!("Info: {name} state {}{word}.", if is_new { "" } else { "already " }));
    }
    if changed {
        let list: Value = names.into_iter().map(Value::from).collect();
        act.run("grains.setval", Arguments::positional([Value::from(GRAIN), list]))?;
    }
    Ok(Value::Map(Map::from_iter([("res", Value::Bool(true)), ("msg", Value::from(lines.join("\n")))])).into())
}

/// The refusal of SLS files that are disabled; nothing when all may run.
pub(super) fn refuse_sls(look: &Look, mods: &[String]) -> Option<Outcome> {
    let disabled = disabled(look);
    let refusal = |name: &String| {
        disabled.iter().find_map(|known| match known.strip_suffix('*') {
            Some(folder) if folder.ends_with('.') && name.starts_with(folder) => Some(format!(
                "The state file \"{name}\" is currently disabled by \"{known}\", to re-enable, run state.enable {known}."
            )),
            _ if known == name => Some(format!(
                "The state file \"{name}\" is currently disabled, to re-enable, run state.enable {name}."
            )),
            _ => None,
        })
    };
    let lines: Vec<String> = mods.iter().filter_map(refusal).collect();
    (!lines.is_empty()).then(|| refused(lines, 1))
}

/// The refusal of a highstate that is disabled.
pub(super) fn refuse_highstate(look: &Look) -> Option<Outcome> {
    disabled(look).iter().any(|name| name == "highstate").then(|| {
        let name = "Salt highstate run is disabled. To re-enable, run state.enable highstate";
        let answer = [("name", name), ("result", "False"), ("comment", "Disabled")];
        Outcome { value: Value::Map(Map::from_iter(answer)), retcode: 1, ..Outcome::default() }
    })
}
