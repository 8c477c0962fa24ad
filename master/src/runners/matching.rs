//! `match.*`: whether a target means a minion, as the master sees it.

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult};
use fleet_common::value::{Map, Value};

use super::context::{Context, Module, reads};

/// The module.
pub const MODULE: Module = Module {
    name: "match",
    doc: "Whether a target means a minion.",
    functions: &[reads(
        "compound_matches",
        "The minion's id under `res` when a compound target means it, else false.",
        "match.compound_matches 'web* and G@os:Debian' web1",
        Matches::ROWS,
        compound_matches,
    )],
};

args! {
    /// Arguments of `match.compound_matches`.
    pub struct Matches {
        /// The compound target.
        expr: String,
        /// The minion.
        minion_id: String,
    }
}

fn compound_matches(context: &Context, arguments: Arguments) -> CallResult {
    let wanted = Matches::bind("match.compound_matches", arguments)?;
    let ids = context.resolve(&wanted.expr, "compound")?;
    let is_meant = ids.iter().any(|id| id.as_str() == wanted.minion_id);
    let answer = if is_meant { Value::from(wanted.minion_id) } else { Value::from(false) };
    Ok(Map::from_iter([("res", answer)]).into())
}
