//! `state.show_*`, `state.sls_exists`, `state.id_exists` and `state.running`: what a tree comes to, without running it.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Outcome};
use fleet_common::state::Context;
use fleet_common::state::show::{self, Shown, sls_names};
use fleet_common::value::{Map, Value};

use super::session::{Wish, with_context};
use crate::cx::Look;
use crate::highstate::{RunLock, renew_pillar};

args! {
    /// Arguments of `state.running`.
    pub struct Running {
        /// Asked for a run that would not mind others: nothing holds it.
        concurrent: bool = false,
    }
}

args! {
    /// Arguments of the functions that compile the top file.
    pub struct Compile {
        /// Environment of the states.
        saltenv: Option<String> = None,
        /// Environment of the pillar.
        pillarenv: Option<String> = None,
        /// Pillar data over that of the master.
        pillar: Option<Map> = None,
        /// Taken for calls written for the reference; showing never waits.
        queue: Value = Value::Null,
    }
}

args! {
    /// Arguments of `state.show_states`.
    pub struct States {
        /// In run order; else by name.
        sorted: bool = true,
        /// Environment of the states.
        saltenv: Option<String> = None,
        /// Environment of the pillar.
        pillarenv: Option<String> = None,
        /// Pillar data over that of the master.
        pillar: Option<Map> = None,
        /// Taken for calls written for the reference; showing never waits.
        queue: Value = Value::Null,
    }
}

args! {
    /// Arguments of the functions that compile SLS files.
    pub struct Mods {
        /// SLS files, separated by commas or as a list.
        mods: Value,
        /// Taken for calls written for the reference; does nothing.
        test: Option<bool> = None,
        /// Environment of the states.
        saltenv: Option<String> = None,
        /// Environment of the pillar.
        pillarenv: Option<String> = None,
        /// Pillar data over that of the master.
        pillar: Option<Map> = None,
        /// Taken for calls written for the reference; showing never waits.
        queue: Value = Value::Null,
    }
}

args! {
    /// Arguments of `state.id_exists`.
    pub struct Ids {
        /// IDs, separated by commas or as a list.
        ids: Value,
        /// SLS files they are declared in.
        mods: Value,
        /// Taken for calls written for the reference; does nothing.
        test: Option<bool> = None,
        /// Environment of the states.
        saltenv: Option<String> = None,
        /// Environment of the pillar.
        pillarenv: Option<String> = None,
        /// Pillar data over that of the master.
        pillar: Option<Map> = None,
        /// Taken for calls written for the reference; showing never waits.
        queue: Value = Value::Null,
    }
}

fn asked(saltenv: &Option<String>, pillarenv: &Option<String>, pillar: &Option<Map>) -> Wish {
    let (saltenv, pillarenv, pillar) = (saltenv.clone(), pillarenv.clone(), pillar.clone().unwrap_or_default());
    Wish { saltenv, pillarenv, pillar, ..Wish::default() }
}

/// What is shown is compiled with the pillar that a run with the same arguments would see.
fn shown(look: &Look, asked: Wish, with: impl FnOnce(&Context<'_>) -> Shown) -> CallResult {
    if asked.pillarenv.is_some() || !asked.pillar.is_empty() {
        renew_pillar(look, &asked.pillar(look))?;
    }
    let shown = with_context(look, asked.saltenv.as_deref(), with);
    let shown = shown.map_err(|error| CallError::Failed(error.to_string()))?;
    let diagnostics = shown.faults.into_iter().map(|fault| fault.diagnostic).collect();
    Ok(Outcome { diagnostics, ..shown.outcome })
}

pub(super) fn show_top(look: &Look, arguments: Arguments) -> CallResult {
    let args = Compile::bind("state.show_top", arguments)?;
    shown(look, asked(&args.saltenv, &args.pillarenv, &args.pillar), show::show_top)
}

pub(super) fn show_highstate(look: &Look, arguments: Arguments) -> CallResult {
    let args = Compile::bind("state.show_highstate", arguments)?;
    shown(look, asked(&args.saltenv, &args.pillarenv, &args.pillar), show::show_highstate)
}

pub(super) fn show_lowstate(look: &Look, arguments: Arguments) -> CallResult {
    let args = Compile::bind("state.show_lowstate", arguments)?;
    shown(look, asked(&args.saltenv, &args.pillarenv, &args.pillar), show::show_lowstate)
}

pub(super) fn show_states(look: &Look, arguments: Arguments) -> CallResult {
    let args = States::bind("state.show_states", arguments)?;
    shown(look, asked(&args.saltenv, &args.pillarenv, &args.pillar), |context| show::show_states(context, args.sorted))
}

pub(super) fn show_state_usage(look: &Look, arguments: Arguments) -> CallResult {
    let args = Compile::bind("state.show_state_usage", arguments)?;
    shown(look, asked(&args.saltenv, &args.pillarenv, &args.pillar), show::show_state_usage)
}

pub(super) fn show_sls(look: &Look, arguments: Arguments) -> CallResult {
    let args = Mods::bind("state.show_sls", arguments)?;
    shown(look, asked(&args.saltenv, &args.pillarenv, &args.pillar), |context| {
        show::show_sls(context, &sls_names(&args.mods))
    })
}

pub(super) fn show_low_sls(look: &Look, arguments: Arguments) -> CallResult {
    let args = Mods::bind("state.show_low_sls", arguments)?;
    let names = sls_names(&args.mods);
    shown(look, asked(&args.saltenv, &args.pillarenv, &args.pillar), |context| show::show_low_sls(context, &names))
}

pub(super) fn sls_exists(look: &Look, arguments: Arguments) -> CallResult {
    let args = Mods::bind("state.sls_exists", arguments)?;
    shown(look, asked(&args.saltenv, &args.pillarenv, &args.pillar), |context| {
        show::sls_exists(context, &sls_names(&args.mods))
    })
}

pub(super) fn id_exists(look: &Look, arguments: Arguments) -> CallResult {
    let args = Ids::bind("state.id_exists", arguments)?;
    let (ids, mods) = (sls_names(&args.ids), sls_names(&args.mods));
    shown(look, asked(&args.saltenv, &args.pillarenv, &args.pillar), |context| show::id_exists(context, &ids, &mods))
}

pub(super) fn running(look: &Look, arguments: Arguments) -> CallResult {
    let args = Running::bind("state.running", arguments)?;
    let held = if args.concurrent { None } else { RunLock::holder(look.cache_dir()) };
    Ok(held.into_iter().map(Value::from).collect::<Value>().into())
}
