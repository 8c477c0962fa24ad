//! `doc.*`: what runners and execution functions do.

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult};
use fleet_common::proto::api::NewJob;
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::value::{Map, Value};

use super::context::{Context, Module, reads};
use super::registry::functions;

/// The module.
pub const MODULE: Module = Module {
    name: "doc",
    doc: "What runners and execution functions do.",
    functions: &[
        reads("runner", "Texts of all runners.", "doc.runner", Nothing::ROWS, runner),
        reads(
            "execution",
            "Texts of all execution functions, asked of one connected minion.",
            "doc.execution",
            Nothing::ROWS,
            execution,
        ),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

fn runner(_: &Context, arguments: Arguments) -> CallResult {
    Nothing::bind("doc.runner", arguments)?;
    let text = |row: fleet_common::call::Row| {
        let text = format!("{}\n\nCLI Example:\n\n    salt-run {}\n", row.doc, row.example);
        (format!("{}.{}", row.module, row.name), text)
    };
    Ok(functions().rows().map(text).collect::<Map>().into())
}

fn execution(context: &Context, arguments: Arguments) -> CallResult {
    Nothing::bind("doc.execution", arguments)?;
    let Some(id) = context.resolve("*", "glob")?.into_iter().find(|id| context.api.minions.is_up(id)) else {
        return Ok(Map::new().into());
    };
    let job = NewJob::new(Target::new(TargetKind::List, id.as_str()), "sys.doc");
    Ok(context.run_job(job)?.pop().map_or(Value::Null, |ret| ret.ret).into())
}
