//! `state.apply`, `state.sls`, `state.highstate` and `state.sls_id`.

use fleet_common::call::{Arguments, CallError, CallResult, Outcome};
use fleet_common::state::show::{matches_of, sls_names};
use fleet_common::state::{render, top};
use fleet_common::value::{Map, Value};

use super::disable::{refuse_highstate, refuse_sls};
use super::run_args::{refuse_unsupported, run_args};
use super::session::{Wish, failed, run_states};
use crate::cx::Act;
use crate::highstate::Queue;

run_args! {
    /// Arguments of `state.apply`.
    Apply {
        /// SLS files, separated by commas or as a list; none: the highstate.
        mods: Value = Value::Null,
    }
}
run_args! {
    /// Arguments of `state.sls`.
    Sls {
        /// SLS files, separated by commas or as a list.
        mods: Value,
    }
}
run_args! {
    /// Arguments of `state.highstate`.
    Highstate {}
}
run_args! {
    /// Arguments of `state.sls_id`.
    SlsId {
        /// The ID.
        id: String,
        /// SLS files it is declared in.
        mods: Value,
    }
}

pub(super) fn apply(act: &Act, arguments: Arguments) -> CallResult {
    let args = Apply::bind("state.apply", arguments)?;
    run_any(act, args.wish("state.apply")?, &args.mods)
}

/// `state.apply`, always a dry run.
pub(super) fn test(act: &Act, arguments: Arguments) -> CallResult {
    let args = Apply { test: Some(true), ..Apply::bind("state.test", arguments)? };
    run_any(act, args.wish("state.test")?, &args.mods)
}

pub(super) fn sls(act: &Act, arguments: Arguments) -> CallResult {
    let args = Sls::bind("state.sls", arguments)?;
    run_sls(act, args.wish("state.sls")?, &args.mods)
}

pub(super) fn highstate(act: &Act, arguments: Arguments) -> CallResult {
    let args = Highstate::bind("state.highstate", arguments)?;
    run_top(act, args.wish("state.highstate")?)
}

pub(super) fn sls_id(act: &Act, arguments: Arguments) -> CallResult {
    let args = SlsId::bind("state.sls_id", arguments)?;
    let wish = Wish { only: Some(args.id.clone()), ..args.wish("state.sls_id")? };
    let outcome = run_sls(act, wish, &args.mods)?;
    match &outcome.value {
        Value::Map(map) if map.is_empty() => Err(CallError::Invocation(format!(
            "No matches for ID '{}' found in SLS '{}'",
            args.id,
            sls_names(&args.mods).join(",")
        ))),
        _ => Ok(outcome),
    }
}

/// Runs SLS files, or without any the highstate.
pub(super) fn run_any(act: &Act, wish: Wish, mods: &Value) -> CallResult {
    if mods.truthy() { run_sls(act, wish, mods) } else { run_top(act, wish) }
}

fn run_sls(act: &Act, wish: Wish, mods: &Value) -> CallResult {
    let mods = sls_names(mods);
    if let Some(refusal) = refuse_sls(act, &mods) {
        return Ok(refusal);
    }
    run_states(act, &wish, |context| {
        let (high, faults) = render(context, &matches_of(context, &mods));
        // Nothing is compiled from a tree that did not render whole.
        if faults.is_empty() { Ok((high, faults)) } else { Err(failed(&faults)) }
    })
}

fn run_top(act: &Act, wish: Wish) -> CallResult {
    if let Some(refusal) = refuse_highstate(act) {
        return Ok(refusal);
    }
    run_states(act, &wish, |context| {
        let top = top(context);
        if !top.faults.is_empty() {
            return Err(failed(&top.faults));
        }
        if top.matches.values().all(Vec::is_empty) {
            return Err(nothing_matches(top.warnings.into_iter().map(|fault| fault.diagnostic).collect()));
        }
        let (high, faults) = render(context, &top.matches);
        if faults.is_empty() { Ok((high, faults)) } else { Err(failed(&faults)) }
    })
}

/// The reference's answer when no top file has anything for this minion.
fn nothing_matches(diagnostics: Vec<fleet_common::diag::Diagnostic>) -> Outcome {
    let text = "No Top file or master_tops data matches found. Please see master log for details.";
    let chunk = Map::from_iter([
        ("result", Value::Bool(false)),
        ("comment", Value::from(text)),
        ("name", Value::from("No States")),
        ("changes", Value::Map(Map::new())),
        ("__run_num__", Value::Int(0)),
    ]);
    let value = Value::Map(Map::from_iter([("no_|-states_|-states_|-None", chunk)]));
    Outcome { value, retcode: 2, diagnostics }
}
