//! `saltutil.*` for kinds of modules that nothing here runs, and for what the cache holds of the tree's modules.

use std::collections::BTreeMap;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Facts, Function};
use fleet_common::value::{Map, Value};

use super::running::{Nothing, Sync, sync_kind};
use crate::cx::{Look, Module};
use crate::system::fs;

/// The module.
pub const MODULE: Module = Module {
    name: "saltutil",
    doc: super::DOC,
    functions: &[
        Function::changes(
            "sync_clouds",
            "Fetches cloud modules from _clouds; returns what changed.",
            "saltutil.sync_clouds",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "clouds", arguments),
        ),
        Function::changes(
            "sync_engines",
            "Fetches engines from _engines; returns what changed.",
            "saltutil.sync_engines",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "engines", arguments),
        ),
        Function::changes(
            "sync_executors",
            "Fetches executors from _executors; returns what changed.",
            "saltutil.sync_executors",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "executors", arguments),
        ),
        Function::changes(
            "sync_log_handlers",
            "Fetches log handlers from _log_handlers; returns what changed.",
            "saltutil.sync_log_handlers",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "log_handlers", arguments),
        ),
        Function::changes(
            "sync_pillar",
            "Fetches pillar modules from _pillar; returns what changed.",
            "saltutil.sync_pillar",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "pillar", arguments),
        ),
        Function::changes(
            "sync_proxymodules",
            "Fetches proxy modules from _proxymodules; returns what changed.",
            "saltutil.sync_proxymodules",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "proxymodules", arguments),
        ),
        Function::changes(
            "sync_sdb",
            "Fetches modules of secret stores from _sdb; returns what changed.",
            "saltutil.sync_sdb",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "sdb", arguments),
        ),
        Function::changes(
            "sync_serializers",
            "Fetches serializers from _serializers; returns what changed.",
            "saltutil.sync_serializers",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "serializers", arguments),
        ),
        Function::changes(
            "sync_thorium",
            "Fetches Thorium modules from _thorium; returns what changed.",
            "saltutil.sync_thorium",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "thorium", arguments),
        ),
        Function::changes(
            "sync_tops",
            "Fetches top modules from _tops; returns what changed.",
            "saltutil.sync_tops",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "tops", arguments),
        ),
        Function::changes(
            "sync_wrapper",
            "Fetches wrappers from _wrapper; returns what changed.",
            "saltutil.sync_wrapper",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "wrapper", arguments),
        ),
        Function::reads(
            "list_extmods",
            "The modules that were fetched from the tree, by kind.",
            "saltutil.list_extmods",
            Nothing::ROWS,
            list_extmods,
        ),
        Function::reads(
            "mmodule",
            "Calls a function; the environment makes no difference here.",
            "saltutil.mmodule base test.ping",
            OfEnvironment::ROWS,
            |look, arguments| {
                let OfEnvironment { saltenv: _, fun, args, kwargs } =
                    OfEnvironment::bind("saltutil.mmodule", arguments)?;
                look.caller().call(&fun, Arguments { positional: args, keyword: kwargs })
            },
        ),
    ],
};

args! {
    /// Arguments of `saltutil.mmodule`.
    pub struct OfEnvironment {
        /// Not used: functions are the same in all environments.
        saltenv: String,
        /// The function.
        fun: String,
        /// Its arguments.
        *args: Vec<Value>,
        /// Its named arguments.
        **kwargs: Map,
    }
}

fn list_extmods(look: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("saltutil.list_extmods", arguments)?;
    let folder = look.cache_dir().join("extmods");
    let told = |path: &std::path::Path, error: &std::io::Error| {
        CallError::Failed(format!("{}: {}", path.display(), fs::plain(error)))
    };
    let names = |path: &std::path::Path| -> Result<Vec<String>, CallError> {
        let entries = match std::fs::read_dir(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| told(path, &error))?,
        };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        Ok(names)
    };
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    for kind in names(&folder)? {
        let stem = |name: &String| name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem).to_owned();
        let mut modules: Vec<String> = names(&folder.join(&kind))?.iter().map(stem).collect();
        modules.dedup();
        if !modules.is_empty() {
            found.insert(kind, modules.into());
        }
    }
    Ok(found.into_iter().collect::<Map>().into())
}
