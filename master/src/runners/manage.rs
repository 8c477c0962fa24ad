//! `manage.*`: which minions are connected. Answered from the master's sessions: nothing is sent.

use std::collections::BTreeMap;

use fleet_common::args;
use fleet_common::call::{ArgRow, Arguments, CallError, CallResult};
use fleet_common::ids::MinionId;
use fleet_common::proto::api::NewJob;
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::value::{Map, Value};

use super::context::{Context, Module, reads, refuse};
use super::health::health;

/// The module.
pub const MODULE: Module = Module {
    name: "manage",
    doc: "Which minions are connected.",
    functions: &[
        reads(
            "status",
            "Accepted minions that are connected, and those that are not.",
            "manage.status",
            Status::ROWS,
            status,
        ),
        reads("up", "Accepted minions that are connected.", "manage.up 'web*'", Among::ROWS, up),
        reads(
            "down",
            "Accepted minions that are not connected.",
            "manage.down tgt='G@os:Debian' tgt_type=compound",
            Down::ROWS,
            down,
        ),
        listing("list_state", "Minions that are connected.", "manage.list_state", |context, arguments| {
            connected(context, "manage.list_state", arguments)
        }),
        listing("present", "Minions that are connected.", "manage.present show_ip=True", |context, arguments| {
            connected(context, "manage.present", arguments)
        }),
        listing("joined", "Minions that are connected.", "manage.joined", |context, arguments| {
            connected(context, "manage.joined", arguments)
        }),
        listing("allowed", "Minions that are connected.", "manage.allowed", |context, arguments| {
            connected(context, "manage.allowed", arguments)
        }),
        listing("alived", "Minions that are connected.", "manage.alived", |context, arguments| {
            connected(context, "manage.alived", arguments)
        }),
        listing("reaped", "Minions that are connected.", "manage.reaped", |context, arguments| {
            connected(context, "manage.reaped", arguments)
        }),
        listing(
            "list_not_state",
            "Accepted minions that are not connected.",
            "manage.list_not_state",
            |context, arguments| absent(context, "manage.list_not_state", arguments),
        ),
        listing(
            "not_present",
            "Accepted minions that are not connected.",
            "manage.not_present",
            |context, arguments| absent(context, "manage.not_present", arguments),
        ),
        listing("not_joined", "Accepted minions that are not connected.", "manage.not_joined", |context, arguments| {
            absent(context, "manage.not_joined", arguments)
        }),
        listing(
            "not_allowed",
            "Accepted minions that are not connected.",
            "manage.not_allowed",
            |context, arguments| absent(context, "manage.not_allowed", arguments),
        ),
        listing("not_alived", "Accepted minions that are not connected.", "manage.not_alived", |context, arguments| {
            absent(context, "manage.not_alived", arguments)
        }),
        listing("not_reaped", "Accepted minions that are not connected.", "manage.not_reaped", |context, arguments| {
            absent(context, "manage.not_reaped", arguments)
        }),
        reads(
            "versions",
            "Versions of all minions beside the master's. Asks the minions.",
            "manage.versions",
            Nothing::ROWS,
            versions,
        ),
        reads(
            "health",
            "How much there is now, and everything that was refused or dropped since the master was started.",
            "manage.health",
            Nothing::ROWS,
            health,
        ),
    ],
};

type Code = fn(&Context, Arguments) -> CallResult;

const fn listing(
    name: &'static str,
    doc: &'static str,
    example: &'static str,
    code: Code,
) -> fleet_common::call::Function<Context, Context> {
    const ROWS: &[ArgRow] = Listing::ROWS;
    reads(name, doc, example, ROWS, code)
}

args! {
    /// Arguments of `manage.status`.
    pub struct Status {
        /// Taken for the reference's sake: the answer is printed either way.
        output: bool = true,
        /// Only minions that this target means.
        tgt: String = "*".to_owned(),
        /// How the target is read.
        tgt_type: String = "glob".to_owned(),
        /// Taken for the reference's sake: nobody is waited for.
        timeout: Value = Value::Null,
        /// As `timeout`.
        gather_job_timeout: Value = Value::Null,
    }
}

args! {
    /// Arguments of `manage.up`.
    pub struct Among {
        /// Only minions that this target means.
        tgt: String = "*".to_owned(),
        /// How the target is read.
        tgt_type: String = "glob".to_owned(),
        /// Taken for the reference's sake: nobody is waited for.
        timeout: Value = Value::Null,
        /// As `timeout`.
        gather_job_timeout: Value = Value::Null,
    }
}

args! {
    /// Arguments of `manage.down`.
    pub struct Down {
        /// Refused: keys are deleted by `keyctl -d`.
        removekeys: bool = false,
        /// Only minions that this target means.
        tgt: String = "*".to_owned(),
        /// How the target is read.
        tgt_type: String = "glob".to_owned(),
        /// Taken for the reference's sake: nobody is waited for.
        timeout: Value = Value::Null,
        /// As `timeout`.
        gather_job_timeout: Value = Value::Null,
    }
}

args! {
    /// Arguments of the listings.
    pub struct Listing {
        /// Only these ids.
        subset: Value = Value::Null,
        /// Also the address each session comes from.
        show_ip: bool = false,
    }
}

args! {
    /// No arguments.
    pub struct Nothing {}
}

/// The minions a target means, connected and not.
fn split(context: &Context, tgt: &str, tgt_type: &str) -> Result<(Vec<MinionId>, Vec<MinionId>), CallError> {
    let ids = context.resolve(tgt, tgt_type)?;
    Ok(ids.into_iter().partition(|id| context.api.minions.is_up(id)))
}

fn list(ids: &[MinionId]) -> Value {
    ids.iter().map(|id| Value::from(id.as_str())).collect()
}

fn status(context: &Context, arguments: Arguments) -> CallResult {
    let wanted = Status::bind("manage.status", arguments)?;
    let (up, down) = split(context, &wanted.tgt, &wanted.tgt_type)?;
    Ok(Map::from_iter([("up", list(&up)), ("down", list(&down))]).into())
}

fn up(context: &Context, arguments: Arguments) -> CallResult {
    let wanted = Among::bind("manage.up", arguments)?;
    Ok(list(&split(context, &wanted.tgt, &wanted.tgt_type)?.0).into())
}

fn down(context: &Context, arguments: Arguments) -> CallResult {
    let wanted = Down::bind("manage.down", arguments)?;
    refuse("manage.down", "removekeys", wanted.removekeys)?;
    Ok(list(&split(context, &wanted.tgt, &wanted.tgt_type)?.1).into())
}

/// Accepted minions of the subset.
fn accepted(context: &Context, subset: &Value) -> Vec<MinionId> {
    let named = |id: &MinionId| match subset {
        Value::Null => true,
        Value::List(ids) => ids.iter().any(|name| name.as_str() == Some(id.as_str())),
        Value::Str(ids) => ids.split(',').any(|name| name == id.as_str()),
        _ => false,
    };
    let mut ids: Vec<MinionId> = context.api.keys.accepted().keys().filter(|id| named(id)).cloned().collect();
    ids.sort();
    ids
}

fn connected(context: &Context, function: &str, arguments: Arguments) -> CallResult {
    let wanted = Listing::bind(function, arguments)?;
    let sessions = accepted(context, &wanted.subset).into_iter().filter_map(|id| context.api.minions.session(&id));
    if wanted.show_ip {
        let address = |peer: &str| peer.rsplit_once(':').map_or(peer, |(address, _)| address).to_owned();
        return Ok(sessions
            .map(|session| (session.id.as_str().to_owned(), address(&session.peer)))
            .collect::<Map>()
            .into());
    }
    Ok(sessions.map(|session| Value::from(session.id.as_str())).collect::<Value>().into())
}

fn absent(context: &Context, function: &str, arguments: Arguments) -> CallResult {
    let wanted = Listing::bind(function, arguments)?;
    let ids = accepted(context, &wanted.subset).into_iter().filter(|id| !context.api.minions.is_up(id));
    Ok(list(&ids.collect::<Vec<_>>()).into())
}

fn versions(context: &Context, arguments: Arguments) -> CallResult {
    Nothing::bind("manage.versions", arguments)?;
    let own = env!("CARGO_PKG_VERSION");
    let mut groups: BTreeMap<&str, Map> = BTreeMap::new();
    let ids = context.resolve("*", "glob")?;
    for id in context.api.minions.down(&ids) {
        groups.entry("Minion offline").or_default().insert(id.as_str(), false);
    }
    let returns = if ids.is_empty() {
        Vec::new()
    } else {
        context.run_job(NewJob::new(Target::new(TargetKind::Glob, "*"), "test.version"))?
    };
    for ret in returns {
        let version = ret.ret.as_str().unwrap_or_default();
        let group = match fleet_common::value::version::compare(version, own) {
            std::cmp::Ordering::Less => "Minion requires update",
            std::cmp::Ordering::Equal => "Up to date",
            std::cmp::Ordering::Greater => "Minion newer than master",
        };
        groups.entry(group).or_default().insert(ret.id.as_str(), version);
    }
    let mut all: Map = [("Master", Value::from(own))].into_iter().collect();
    all.extend(groups.into_iter().map(|(group, minions)| (Value::from(group), Value::Map(minions))));
    Ok(all.into())
}
