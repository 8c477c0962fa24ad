//! `mine.*`: the values that minions give to each other.

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult};
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::value::{Map, Value};

use super::context::{Context, Module, reads};

/// The module.
pub const MODULE: Module = Module {
    name: "mine",
    doc: "The values that minions give to each other.",
    functions: &[reads(
        "get",
        "A value of the minions that a target means, by minion; of several names, that by name.",
        "mine.get '*' network.ip_addrs",
        Get::ROWS,
        get,
    )],
};

args! {
    /// Arguments of `mine.get`.
    pub struct Get {
        /// The minions.
        tgt: String,
        /// The name, or several: a list, or separated by commas.
        fun: Value,
        /// How the target is read.
        tgt_type: String = "glob".to_owned(),
    }
}

fn get(context: &Context, arguments: Arguments) -> CallResult {
    let wanted = Get::bind("mine.get", arguments)?;
    let names = fleet_common::mine::names(&wanted.fun);
    let target = Target::new(TargetKind::named(&wanted.tgt_type)?, wanted.tgt);
    let found: Map = context.wait(context.api.mine.get(context.asker.as_ref(), target, &names))?;
    Ok(Value::Map(fleet_common::mine::shaped(found, &names)).into())
}
