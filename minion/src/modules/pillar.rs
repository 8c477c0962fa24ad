//! `pillar.*` that look at the machine: the pillar files of a minion without a master.

use std::path::{Component, Path};

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult, Facts, Function};
use fleet_common::value::Value;

use crate::cx::{Look, Module};

/// The module.
pub const MODULE: Module = Module {
    name: "pillar",
    doc: "The pillar files of a minion without a master.",
    functions: &[Function::reads(
        "file_exists",
        "True if a directory of `pillar_roots` on this machine has such a file.",
        "pillar.file_exists foo/bar.sls",
        FileExists::ROWS,
        file_exists,
    )],
};

args! {
    /// Arguments of `pillar.file_exists`.
    pub struct FileExists {
        /// Path below `pillar_roots`.
        path: String,
        /// Only this environment.
        saltenv: Option<String> = None,
    }
}

fn file_exists(look: &Look, arguments: Arguments) -> CallResult {
    let given = FileExists::bind("pillar.file_exists", arguments)?;
    let path = Path::new(&given.path);
    // What leads out of the directories is no pillar file.
    if !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Ok(false.into());
    }
    let opts = look.opts();
    let wanted = |env: &Value| given.saltenv.as_deref().is_none_or(|saltenv| env.as_str() == Some(saltenv));
    let roots = opts.get("pillar_roots").and_then(Value::as_map).into_iter().flatten();
    let mut roots = roots.filter(|(env, _)| wanted(env)).flat_map(|(_, roots)| match roots {
        Value::List(roots) => roots.as_slice(),
        one => std::slice::from_ref(one),
    });
    Ok(roots.any(|root| root.as_str().is_some_and(|root| Path::new(root).join(path).is_file())).into())
}
