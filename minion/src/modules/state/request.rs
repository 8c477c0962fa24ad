//! `state.request` and its like: a run that is asked for and tried now, and done when somebody agrees.

use std::collections::BTreeMap;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use super::apply::{apply, run_any};
use super::run_args::{refuse_unsupported, run_args};
use super::session::Wish;
use crate::cx::{Act, Look};
use crate::highstate::Queue;
use crate::kept::Kept;

const REQUESTS: Kept = Kept { file: "state_requests", remedy: "remove the file, or call state.clear_request" };
/// The name of a request that has none.
const UNNAMED: &str = "default";

/// Requests by name: each a mapping of `test_run`, `mods` and `kwargs`.
type Requests = BTreeMap<String, Map>;

run_args! {
    /// Arguments of `state.request`.
    Request {
        /// SLS files, separated by commas or as a list; none: the highstate.
        mods: Value = Value::Null,
        /// A name, where several are to wait.
        name: String = UNNAMED.to_owned(),
    }
}

args! {
    /// Arguments of `state.check_request` and `state.clear_request`.
    pub struct Wanted {
        /// The request; all without.
        name: Option<String> = None,
    }
}

args! {
    /// Arguments of `state.run_request`.
    pub struct Run {
        /// The request.
        name: String = UNNAMED.to_owned(),
    }
}

pub(super) fn request(act: &Act, arguments: Arguments) -> CallResult {
    let mut kwargs = arguments.keyword.clone();
    let args = Request::bind("state.request", arguments)?;
    let wish = Wish { test: Some(true), ..args.wish("state.request")? };
    let outcome = run_any(act, wish, &args.mods)?;
    kwargs
        .retain(|key, _| key.as_str().is_some_and(|key| !key.starts_with("__pub_") && key != "mods" && key != "name"));
    kwargs.insert("test", true);
    let kept = Map::from_iter([("test_run", outcome.value.clone()), ("mods", args.mods), ("kwargs", kwargs.into())]);
    REQUESTS.change(act.look(), |requests: &mut Requests| {
        requests.insert(args.name, kept);
        Ok(())
    })?;
    Ok(outcome)
}

pub(super) fn check(look: &Look, arguments: Arguments) -> CallResult {
    let Wanted { name } = Wanted::bind("state.check_request", arguments)?;
    let mut requests: Requests = REQUESTS.read(look)?;
    match name {
        None => Ok(requests.into_iter().collect::<Map>().into()),
        Some(name) => match requests.remove(&name) {
            Some(kept) => Ok(kept.into()),
            None => Err(CallError::Failed(format!("there is no request '{name}'"))),
        },
    }
}

pub(super) fn clear(act: &Act, arguments: Arguments) -> CallResult {
    let Wanted { name } = Wanted::bind("state.clear_request", arguments)?;
    let Some(name) = name else {
        REQUESTS.clear(act.look())?;
        return Ok(true.into());
    };
    // Where nothing was asked for, nothing is left, and that is what was wanted.
    let cleared = REQUESTS
        .change(act.look(), |requests: &mut Requests| Ok(requests.is_empty() || requests.remove(&name).is_some()))?;
    Ok(cleared.into())
}

/// Does what was asked for, if it was, and forgets it.
pub(super) fn run(act: &Act, arguments: Arguments) -> CallResult {
    let Run { name } = Run::bind("state.run_request", arguments)?;
    // Taken out before it runs, so that two who agree at once do not both run it.
    let wanted = REQUESTS.change(act.look(), |requests: &mut Requests| Ok(requests.remove(&name)))?;
    let Some(mut wanted) = wanted else { return Ok(Map::new().into()) };
    let mods = wanted.remove("mods").unwrap_or_default();
    let mut keyword = match wanted.remove("kwargs") {
        Some(Value::Map(kwargs)) => kwargs,
        _ => Map::new(),
    };
    keyword.remove("test");
    apply(act, Arguments { positional: vec![mods], keyword })
}
