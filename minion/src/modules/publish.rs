//! `publish.*` and `saltutil.runner`: what a minion may have its master run.

use fleet_common::args;
use fleet_common::call::{CallError, CallResult, Function};
use fleet_common::proto::mine::RunnerAsk;
use fleet_common::proto::request::{Reply, Request};
use fleet_common::value::{Map, Value};

use crate::cx::{Look, Module};

/// The module.
pub const MODULE: Module = Module {
    name: "publish",
    doc: "What a minion may have its master run.",
    functions: &[
        Function::reads(
            "runner",
            "Has the master run a runner that reads; `peer_run` of the master must allow it.",
            "publish.runner manage.up",
            Runner::ROWS,
            |look, arguments| {
                let Runner { fun, arg, timeout: _ } = Runner::bind("publish.runner", arguments)?;
                run(look, fun, arg, Map::new())
            },
        ),
        Function::reads(
            "publish",
            "Refused: minions can not have other minions run anything.",
            "publish.publish 'web*' test.ping",
            Anything::ROWS,
            |_, arguments| {
                Anything::bind("publish.publish", arguments)?;
                Err(refused("publish.publish"))
            },
        ),
        Function::reads(
            "full_data",
            "Refused: minions can not have other minions run anything.",
            "publish.full_data 'web*' test.ping",
            Anything::ROWS,
            |_, arguments| {
                Anything::bind("publish.full_data", arguments)?;
                Err(refused("publish.full_data"))
            },
        ),
    ],
};

/// What belongs to `saltutil`.
pub const SALTUTIL: Module = Module {
    name: "saltutil",
    doc: "Running jobs, refreshed data, modules of the tree.",
    functions: &[Function::reads(
        "runner",
        "Has the master run a runner that reads; `peer_run` of the master must allow it.",
        "saltutil.runner mine.get tgt='*' fun=network.ip_addrs",
        ByName::ROWS,
        |look, arguments| {
            let ByName { name, arg, mut kwarg, full_return, saltenv: _, jid: _, asynchronous, more } =
                ByName::bind("saltutil.runner", arguments)?;
            for (argument, given) in [("full_return", full_return), ("asynchronous", asynchronous)] {
                if given {
                    return Err(CallError::Unsupported(format!("'{argument}' of saltutil.runner")));
                }
            }
            kwarg.extend(more);
            run(look, name, arg, kwarg)
        },
    )],
};

args! {
    /// Arguments of `publish.runner`.
    pub struct Runner {
        /// The runner.
        fun: String,
        /// Its arguments: a list, or separated by commas.
        arg: Vec<Value> = Vec::new(),
        /// Not used: the master answers or refuses.
        timeout: Option<f64> = None,
    }
}

args! {
    /// Arguments of `saltutil.runner`.
    pub struct ByName {
        /// The runner.
        name: String,
        /// Its arguments by position.
        arg: Vec<Value> = Vec::new(),
        /// Its arguments by name.
        kwarg: Map = Map::new(),
        /// Refused: the answer is given as it is.
        full_return: bool = false,
        /// Not used.
        saltenv: String = "base".to_owned(),
        /// Not used: it is no job.
        jid: Option<Value> = None,
        /// Refused: the answer is waited for.
        asynchronous: bool = false,
        /// More of the runner's arguments by name.
        **more: Map,
    }
}

args! {
    /// Arguments of functions that are refused.
    pub struct Anything {
        /// By position.
        *arg: Vec<Value>,
        /// By name.
        **kwarg: Map,
    }
}

fn refused(function: &str) -> CallError {
    CallError::Unsupported(format!("'{function}': minions can not have other minions run anything; it"))
}

fn run(look: &Look, fun: String, arg: Vec<Value>, kwarg: Map) -> CallResult {
    match look.daemon().ask_master(Request::Runner(RunnerAsk { fun, arg, kwarg }))? {
        Reply::Data { value } => Ok(value.into()),
        other => Err(CallError::Failed(format!("the master answered another question ({})", other.name()))),
    }
}
