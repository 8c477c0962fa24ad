//! `salt.*`: execution functions, from a runner.

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult, Function};
use fleet_common::proto::api::NewJob;
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::value::{Map, Value};

use super::context::{Context, Module, refuse};

/// The module.
pub const MODULE: Module = Module {
    name: "salt",
    doc: "Execution functions, from a runner.",
    functions: &[Function::changes(
        "execute",
        "Runs a function on minions and gives their returns.",
        "salt.execute '*' test.ping",
        Execute::ROWS,
        execute,
    )],
};

args! {
    /// Arguments of `salt.execute`.
    pub struct Execute {
        /// The minions.
        tgt: String,
        /// The function.
        fun: String,
        /// Its arguments by position.
        arg: Value = Vec::<Value>::new().into(),
        /// Seconds to wait for a connected minion's first sign.
        timeout: Option<f64> = None,
        /// How the target is read.
        tgt_type: String = "glob".to_owned(),
        /// A returner; refused.
        ret: String = String::new(),
        /// An id of one's own; refused.
        jid: String = String::new(),
        /// Its arguments by name.
        kwarg: Option<Map> = None,
    }
}

fn execute(context: &Context, arguments: Arguments) -> CallResult {
    let wanted = Execute::bind("salt.execute", arguments)?;
    refuse("salt.execute", "ret", !wanted.ret.is_empty())?;
    refuse("salt.execute", "jid", !wanted.jid.is_empty())?;
    let arg = match wanted.arg {
        Value::List(items) => items,
        single => vec![single],
    };
    let job = NewJob {
        arg,
        kwarg: wanted.kwarg.unwrap_or_default(),
        timeout: wanted.timeout,
        ..NewJob::new(Target::new(TargetKind::named(&wanted.tgt_type)?, wanted.tgt), wanted.fun)
    };
    let returns = context.run_job(job)?;
    Ok(returns.into_iter().map(|ret| (ret.id.as_str().to_owned(), ret.ret)).collect::<Map>().into())
}
