//! `cmd.*`: commands and scripts as states. What they do cannot be predicted, so a dry run says "would have been executed".

mod call;
mod run;
mod script;
mod stateful;

use super::{OpaqueRun, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "cmd",
    doc: "Commands and scripts. Guard them with `creates`, `unless`, `onlyif` or `onchanges`.",
    reacts: true,
    functions: &[
        StateFunction {
            name: "run",
            doc: "Runs a command; succeeds when its exit status is 0 (or one of `success_retcodes`).",
            example: "make -C /srv/site: {cmd.run: [{creates: /srv/site/index.html}]}",
            args: run::Run::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(run::Always(run::Run::bind(f, a)?)))),
        },
        StateFunction {
            name: "wait",
            doc: "Runs a command only when something it watches changed.",
            example: "systemctl daemon-reload: {cmd.wait: [{watch: [{file: unit}]}]}",
            args: run::Run::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(run::OnWatch(run::Run::bind(f, a)?)))),
        },
        StateFunction {
            name: "script",
            doc: "Fetches a script and runs it.",
            example: "setup: {cmd.script: [{source: 'salt://setup.sh'}]}",
            args: script::Script::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(script::Always(script::Script::bind(f, a)?)))),
        },
        StateFunction {
            name: "wait_script",
            doc: "Fetches a script and runs it only when something it watches changed.",
            example: "setup: {cmd.wait_script: [{source: 'salt://setup.sh'}]}",
            args: script::Script::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(script::OnWatch(script::Script::bind(f, a)?)))),
        },
        StateFunction {
            name: "call",
            doc: "Calls a Python function of a Python tree; refused until such trees are supported.",
            example: "x: {cmd.call: [{func: a_function}]}",
            args: call::Call::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(call::Call::bind(f, a)?))),
        },
        StateFunction {
            name: "wait_call",
            doc: "Calls a Python function when something it watches changed; refused likewise.",
            example: "x: {cmd.wait_call: [{func: a_function}]}",
            args: call::Call::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(call::Call::bind(f, a)?))),
        },
    ],
};
