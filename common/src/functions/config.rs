//! `config.*` that only read: settings looked up in configuration, grains and pillar.

use crate::args;
use crate::call::{Arguments, CallResult, Code, Facts, Function, Module, PureModule};
use crate::target::glob;
use crate::value::{Map, Value, merge, path};

/// The module.
pub const MODULE: PureModule = Module {
    name: "config",
    doc: "Settings looked up in configuration, grains and pillar.",
    functions: &[
        Function {
            name: "get",
            quick: true,
            doc: "The setting at a path: from the configuration, else the grains, else the pillar, else the master's configuration.",
            example: "config.get pkg:apache",
            args: Get::ROWS,
            code: Code::Reads(get),
        },
        Function {
            name: "option",
            quick: true,
            doc: "The setting of a name in configuration, grains, pillar or the master's configuration (no paths).",
            example: "config.option redis.host",
            args: Choice::ROWS,
            code: Code::Reads(option),
        },
        Function {
            name: "valid_fileproto",
            quick: true,
            doc: "True if files can be fetched from such a URI.",
            example: "config.valid_fileproto salt://path/to/file",
            args: Uri::ROWS,
            code: Code::Reads(|_, arguments| {
                let uri = Uri::bind("config.valid_fileproto", arguments)?.uri;
                let protocols = ["salt", "http", "https", "ftp", "s3", "swift", "file"];
                let known = uri.split_once("://").is_some_and(|(protocol, _)| protocols.contains(&protocol));
                Ok(known.into())
            }),
        },
    ],
};

args! {
    /// Arguments of `config.get`.
    pub struct Get {
        /// Path of the setting.
        key: String,
        /// Returned when there is none.
        default: Value = Value::from(""),
        /// What separates the parts of the path.
        delimiter: String = ":".to_owned(),
        /// `recurse` or `overwrite`: merge what the sources say instead of taking the first.
        merge: Option<String> = None,
        /// Leave out the minion's configuration.
        omit_opts: bool = false,
        /// Leave out the pillar.
        omit_pillar: bool = false,
        /// Leave out the master's configuration.
        omit_master: bool = false,
        /// Leave out the grains.
        omit_grains: bool = false,
    }
}

args! {
    /// Arguments of `config.option`.
    pub struct Choice {
        /// Name of the setting.
        value: String,
        /// Returned when there is none.
        default: Value = Value::from(""),
        /// Leave out the minion's configuration.
        omit_opts: bool = false,
        /// Leave out the grains.
        omit_grains: bool = false,
        /// Leave out the pillar.
        omit_pillar: bool = false,
        /// Leave out the master's configuration.
        omit_master: bool = false,
        /// Use the default even when it is empty.
        omit_all: bool = false,
        /// Match names with wildcards.
        wildcard: bool = false,
    }
}

args! {
    /// Arguments of `config.valid_fileproto`.
    pub struct Uri {
        /// The URI.
        uri: String,
    }
}

fn get(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let wanted = Get::bind("config.get", arguments)?;
    if let Some("recurse") = wanted.merge.as_deref() {
        return Ok(merged(facts, &wanted).unwrap_or(wanted.default).into());
    }
    let (key, delimiter) = (&wanted.key, &wanted.delimiter);
    if !wanted.omit_opts
        && let Some(value) = path::traverse_map(&facts.opts(), key, delimiter)
    {
        return Ok(value.clone().into());
    }
    if !wanted.omit_grains
        && let Some(value) = path::traverse_map(&facts.grains(), key, delimiter)
    {
        return Ok(value.clone().into());
    }
    let pillar = facts.pillar();
    if !wanted.omit_pillar
        && let Some(value) = path::traverse_map(&pillar, key, delimiter)
    {
        return Ok(value.clone().into());
    }
    if !wanted.omit_master {
        let master = pillar.get("master").and_then(Value::as_map);
        if let Some(value) = master.and_then(|master| path::traverse_map(master, key, delimiter)) {
            return Ok(value.clone().into());
        }
    }
    Ok(wanted.default.into())
}

/// A setting of configuration, grains, pillar and the master's configuration, mappings merged.
pub fn everywhere(facts: &dyn Facts, key: &str) -> Option<Value> {
    let wanted = Get {
        key: key.to_owned(),
        default: Value::Null,
        delimiter: ":".to_owned(),
        merge: None,
        omit_opts: false,
        omit_pillar: false,
        omit_master: false,
        omit_grains: false,
    };
    merged(facts, &wanted)
}

/// Mappings of all sources merged: the configuration wins over grains, those over pillar, that over the master.
fn merged(facts: &dyn Facts, wanted: &Get) -> Option<Value> {
    let (opts, grains, pillar) = (facts.opts(), facts.grains(), facts.pillar());
    let master = pillar.get("master").and_then(Value::as_map);
    let sources: [(bool, Option<&Map>); 4] = [
        (wanted.omit_master, master),
        (wanted.omit_pillar, Some(&pillar)),
        (wanted.omit_grains, Some(&grains)),
        (wanted.omit_opts, Some(&opts)),
    ];
    let mut all: Option<Value> = None;
    for (_, source) in sources.into_iter().filter(|(omit, _)| !omit) {
        let found = source.and_then(|map| path::traverse_map(map, &wanted.key, &wanted.delimiter));
        match (&mut all, found) {
            (_, None) => {}
            (Some(Value::Map(base)), Some(Value::Map(over))) => merge::update(base, over, false),
            (all, Some(found)) => *all = Some(found.clone()),
        }
    }
    all
}

fn option(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let wanted = Choice::bind("config.option", arguments)?;
    let name = wanted.value.as_str();
    let (opts, grains, pillar) = (facts.opts(), facts.grains(), facts.pillar());
    let master = pillar.get("master").and_then(Value::as_map);
    if wanted.wildcard {
        // Only the first source with such names counts.
        let sources: [(bool, Option<&Map>); 4] = [
            (wanted.omit_opts, Some(&opts)),
            (wanted.omit_grains, Some(&grains)),
            (wanted.omit_pillar, Some(&pillar)),
            (wanted.omit_master, master),
        ];
        for source in sources.into_iter().filter(|(omit, _)| !omit).filter_map(|(_, source)| source) {
            let named = |key: &Value| key.as_str().is_some_and(|key| glob::matches(name, key));
            let found: Map = source.iter().filter(|(key, _)| named(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
            if !found.is_empty() {
                return Ok(found.into());
            }
        }
        return Ok(wanted.default.into());
    }
    let found = (!wanted.omit_opts).then(|| opts.get(name)).flatten();
    let found = found.or_else(|| (!wanted.omit_grains).then(|| grains.get(name)).flatten());
    let found = found.or_else(|| (!wanted.omit_pillar).then(|| pillar.get(name)).flatten());
    let found = found.or_else(|| (!wanted.omit_master).then(|| master.and_then(|master| master.get(name))).flatten());
    Ok(found.cloned().unwrap_or(wanted.default).into())
}
