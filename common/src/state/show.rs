//! What the functions `state.show_*`, `state.sls_exists` and `state.id_exists` answer.

use std::collections::HashSet;

use super::compile::{chunks, low, render, verify};
use super::context::{Context, Matches};
use super::fault::{Fault, Problem, texts};
use super::top::top;
use crate::call::Outcome;
use crate::value::{Map, Value};

/// An answer: the value and exit status that the reference gives, and all faults with their places.
#[derive(Debug)]
pub struct Shown {
    /// What the function returns.
    pub outcome: Outcome,
    /// What was wrong, with places and hints; may hold warnings of an answer that is no failure.
    pub faults: Vec<Fault>,
}

impl Shown {
    fn value(value: impl Into<Value>) -> Self {
        Self { outcome: Outcome::with_status(value, 0), faults: Vec::new() }
    }
    fn refused(faults: Vec<Fault>, retcode: i32) -> Self {
        Self { outcome: Outcome::with_status(texts(&faults), retcode), faults }
    }
}

/// SLS names as calls give them: `a,b` or a list.
pub fn sls_names(mods: &Value) -> Vec<String> {
    match mods {
        Value::Str(names) => {
            names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
        }
        Value::List(items) => items.iter().flat_map(sls_names).collect(),
        _ => Vec::new(),
    }
}

/// What a call that names SLS files asks for, in the environment of the options (`base` without one).
pub fn matches_of(context: &Context, mods: &[String]) -> Matches {
    let env = context.options.saltenv.clone().unwrap_or_else(|| "base".to_owned());
    Matches::from_iter([(env, mods.to_vec())])
}

/// `state.show_top`: SLS names per environment.
pub fn show_top(context: &Context) -> Shown {
    let top = top(context);
    if !top.faults.is_empty() {
        return Shown::refused(top.faults, 1);
    }
    let value: Map = (top.matches.into_iter())
        .map(|(env, names)| (env, Value::List(names.into_iter().map(Value::from).collect())))
        .collect();
    Shown { faults: top.warnings, ..Shown::value(value) }
}

/// `state.show_highstate`: the high data of the top file.
pub fn show_highstate(context: &Context) -> Shown {
    let top = top(context);
    if !top.faults.is_empty() {
        return Shown::refused(top.faults, 1);
    }
    let (high, faults) = render(context, &top.matches);
    if !faults.is_empty() {
        return Shown::refused(faults, 1);
    }
    // The reference takes high data without declarations, or with exclusions, for a failed run.
    let retcode = if high.declarations.is_empty() || !high.excludes.is_empty() { 2 } else { 0 };
    Shown { outcome: Outcome::with_status(high.to_value(), retcode), faults: Vec::new() }
}

/// `state.show_lowstate`: the chunks of the top file. Its refusals leave no exit status, as in the reference.
pub fn show_lowstate(context: &Context) -> Shown {
    let top = top(context);
    if !top.faults.is_empty() {
        return Shown::refused(top.faults, 0);
    }
    let (high, faults) = render(context, &top.matches);
    match low(&context.options, high, faults) {
        Ok(chunks) => Shown::value(Value::List(chunks.iter().map(super::Chunk::to_value).collect())),
        Err(faults) => Shown::refused(faults, 0),
    }
}

/// `state.show_sls`: the high data of some SLS files.
pub fn show_sls(context: &Context, mods: &[String]) -> Shown {
    let (high, mut faults) = render(context, &matches_of(context, mods));
    faults.extend(verify(&high));
    if faults.is_empty() { Shown::value(high.to_value()) } else { Shown::refused(faults, 1) }
}

/// `state.show_low_sls`: the chunks of some SLS files, without extensions, exclusions and `…_in` requisites.
pub fn show_low_sls(context: &Context, mods: &[String]) -> Shown {
    let (high, mut faults) = render(context, &matches_of(context, mods));
    faults.extend(verify(&high));
    if !faults.is_empty() {
        return Shown::refused(faults, 1);
    }
    Shown::value(Value::List(chunks(&high).iter().map(super::Chunk::to_value).collect()))
}

/// `state.show_states`: the SLS files that the top file leads to, each once, in run order or by name.
pub fn show_states(context: &Context, in_run_order: bool) -> Shown {
    let top = top(context);
    if !top.faults.is_empty() {
        return Shown::refused(top.faults, 0);
    }
    let (high, faults) = render(context, &top.matches);
    let chunks = match low(&context.options, high, faults) {
        Ok(chunks) => chunks,
        Err(faults) => return Shown::refused(faults, 1),
    };
    let mut names: indexmap::IndexSet<String> =
        chunks.iter().filter_map(|chunk| chunk.sls.as_deref()).map(str::to_owned).collect();
    if !in_run_order {
        names.sort();
    }
    Shown::value(Value::List(names.into_iter().map(Value::from).collect()))
}

/// `state.show_state_usage`: which SLS files of each environment the top file leads to, and which not.
pub fn show_state_usage(context: &Context) -> Shown {
    let top = top(context);
    if !top.faults.is_empty() {
        return Shown::refused(top.faults, 1);
    }
    let (high, faults) = render(context, &top.matches);
    if !faults.is_empty() {
        return Shown::refused(faults, 1);
    }
    let homes = high.declarations.values().map(|declaration| &declaration.home);
    let used: HashSet<(&str, &str)> =
        homes.filter_map(|home| Some((home.env.as_deref()?, home.sls.as_deref()?))).collect();
    let mut usage = Map::new();
    for env in top.matches.keys() {
        let names = match context.tree.sls_names(env) {
            Ok(names) => names,
            Err(error) => return Shown::refused(vec![Fault::of_call(Problem::Files { why: error.to_string() })], 1),
        };
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.sort_unstable();
        let (used, unused): (Vec<&str>, Vec<&str>) =
            names.iter().partition(|name| used.contains(&(env.as_str(), **name)));
        let count = |names: &[&str]| Value::Int(i64::try_from(names.len()).unwrap_or(i64::MAX));
        let list = |names: &[&str]| names.iter().map(|name| Value::from(*name)).collect::<Value>();
        let entry = [
            ("used", list(&used)),
            ("unused", list(&unused)),
            ("count_all", count(&names)),
            ("count_used", count(&used)),
            ("count_unused", count(&unused)),
        ];
        usage.insert(env.as_str(), Value::Map(Map::from_iter(entry)));
    }
    Shown::value(usage)
}

/// The chunks that `state.sls_id` chooses from: all of the SLS files, if the ID is among them. Run them with
/// `RunOptions::only` set to the ID.
pub fn sls_id(context: &Context, id: &str, mods: &[String]) -> Result<Vec<super::Chunk>, Vec<Fault>> {
    let matches = matches_of(context, mods);
    let (high, mut faults) = render(context, &matches);
    faults.extend(verify(&high));
    if !faults.is_empty() {
        return Err(faults);
    }
    let chunks = chunks(&high);
    if chunks.iter().any(|chunk| chunk.id == id) {
        return Ok(chunks);
    }
    let env = matches.keys().next().cloned().unwrap_or_default();
    let fault = Fault::of_call(Problem::NoId { id: id.to_owned(), sls: mods.join(","), env });
    Err(vec![fault.did_you_mean(id, chunks.iter().map(|chunk| chunk.id.as_str()))])
}

/// `state.sls_exists`: true if all of the SLS files are there.
pub fn sls_exists(context: &Context, mods: &[String]) -> Shown {
    let (_, faults) = render(context, &matches_of(context, mods));
    let retcode = i32::from(!faults.is_empty());
    Shown { outcome: Outcome::with_status(faults.is_empty(), retcode), faults: Vec::new() }
}

/// `state.id_exists`: true if all of the IDs are declared by the SLS files (or what these include).
pub fn id_exists(context: &Context, ids: &[String], mods: &[String]) -> Shown {
    let (high, faults) = render(context, &matches_of(context, mods));
    if !faults.is_empty() {
        return Shown { faults, ..Shown::value(false) };
    }
    Shown::value(ids.iter().all(|id| high.declarations.contains_key(id)))
}
