//! `cache.*`: what the master knows of its minions.

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult};
use fleet_common::value::Map;

use super::context::{Context, Module, reads};

/// The module.
pub const MODULE: Module = Module {
    name: "cache",
    doc: "What the master knows of its minions.",
    functions: &[
        reads("grains", "Grains that minions reported last.", "cache.grains 'web*'", Among::ROWS, grains),
        reads("pillar", "Pillar of minions, compiled now.", "cache.pillar 'web*'", All::ROWS, pillar),
    ],
};

args! {
    /// Arguments of `cache.grains`.
    pub struct Among {
        /// The minions.
        tgt: String,
        /// How the target is read.
        tgt_type: String = "glob".to_owned(),
    }
}

args! {
    /// Arguments of `cache.pillar`.
    pub struct All {
        /// The minions.
        tgt: String = "*".to_owned(),
        /// How the target is read.
        tgt_type: String = "glob".to_owned(),
    }
}

fn grains(context: &Context, arguments: Arguments) -> CallResult {
    let wanted = Among::bind("cache.grains", arguments)?;
    let ids = context.resolve(&wanted.tgt, &wanted.tgt_type)?;
    let known = |id: fleet_common::ids::MinionId| {
        let grains = context.api.minions.grains(&id).unwrap_or_default();
        (id.as_str().to_owned(), grains)
    };
    Ok(ids.into_iter().map(known).collect::<Map>().into())
}

fn pillar(context: &Context, arguments: Arguments) -> CallResult {
    let wanted = All::bind("cache.pillar", arguments)?;
    let mut all = Map::new();
    for id in context.resolve(&wanted.tgt, &wanted.tgt_type)? {
        let Some(grains) = context.api.minions.grains(&id) else {
            context.note(format!("{id}: its grains are not known yet, so it has no pillar here"));
            continue;
        };
        match context.wait(context.api.desk.resolver.pillars.data(id.clone(), grains)) {
            Some(pillar) => drop(all.insert(id.as_str(), pillar)),
            None => context.note(format!("{id}: its pillar has faults; pillar.show_pillar shows them")),
        }
    }
    Ok(all.into())
}
