//! `pillar.*`: the pillar of a minion as the master compiles it.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::ids::MinionId;
use fleet_common::proto::request::Reply;
use fleet_common::value::{Map, Value};

use super::context::{Context, Module, fault, reads};
use crate::pillar::Wanted;

/// The module.
pub const MODULE: Module = Module {
    name: "pillar",
    doc: "The pillar of a minion as the master compiles it.",
    functions: &[
        reads(
            "show_pillar",
            "The pillar of a minion; further arguments stand for grains.",
            "pillar.show_pillar web1 os=Debian",
            Show::ROWS,
            show_pillar,
        ),
        reads(
            "show_top",
            "The merged top files as a minion's grains render them.",
            "pillar.show_top web1",
            Top::ROWS,
            show_top,
        ),
    ],
};

args! {
    /// Arguments of `pillar.show_pillar`.
    pub struct Show {
        /// The minion.
        minion: String,
        /// The environment that SLS files see.
        saltenv: Option<String> = None,
        /// Only this environment.
        pillarenv: Option<String> = None,
        /// Grains that differ from those the minion reported.
        **grains: Map,
    }
}

args! {
    /// Arguments of `pillar.show_top`.
    pub struct Top {
        /// The minion.
        minion: String,
        /// The environment that top files see.
        saltenv: String = "base".to_owned(),
    }
}

/// A minion's id, and the grains it reported; a minion that is not known has its name only.
fn subject(context: &Context, minion: &str) -> Result<(MinionId, Map), CallError> {
    let id: MinionId = minion.parse().map_err(|error| CallError::Invocation(format!("'{minion}': {error}")))?;
    let grains = context.api.minions.grains(&id).unwrap_or_else(|| {
        context.note(format!("{id}: its grains are not known; only its id is"));
        Map::from_iter([("fqdn", id.as_str()), ("id", id.as_str())])
    });
    Ok((id, grains))
}

fn show_pillar(context: &Context, arguments: Arguments) -> CallResult {
    let wanted = Show::bind("pillar.show_pillar", arguments)?;
    let (id, mut grains) = subject(context, &wanted.minion)?;
    grains.extend(wanted.grains);
    let wanted = Wanted { id, grains, saltenv: wanted.saltenv, pillarenv: wanted.pillarenv, overrides: Map::new() };
    match context.wait(context.api.desk.resolver.pillars.compile(wanted)) {
        Reply::Pillar { mut pillar, errors } => {
            let failed = !errors.is_empty();
            if failed {
                pillar.insert("_errors", errors.into_iter().map(Value::from).collect::<Value>());
            }
            Ok(fleet_common::call::Outcome::with_status(pillar, i32::from(failed)))
        }
        Reply::Error { message, .. } => Err(CallError::Failed(message)),
        _ => Err(CallError::Failed("the pillar compiler gave another answer".to_owned())),
    }
}

fn show_top(context: &Context, arguments: Arguments) -> CallResult {
    let wanted = Top::bind("pillar.show_top", arguments)?;
    let (id, grains) = subject(context, &wanted.minion)?;
    let top = context.wait(context.api.desk.resolver.pillars.top(id, grains, wanted.saltenv));
    top.map(Into::into).map_err(fault)
}
