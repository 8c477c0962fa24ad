//! `config.*` that only read: settings looked up in configuration, grains and pillar.

use super::option_defaults::{default_of, default_of_module};
use crate::args;
use crate::call::{Arguments, CallResult, Code, Facts, Function, Module, PureModule};
use crate::target::glob;
use crate::value::{Map, Value, merge, path, python};

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
            name: "merge",
            quick: true,
            doc: "The setting of a name, of configuration, pillar and the master's configuration together.",
            example: "config.merge schedule",
            args: Merge::ROWS,
            code: Code::Reads(merge_sources),
        },
        Function {
            name: "items",
            quick: true,
            doc: "The configuration that functions may see.",
            example: "config.items",
            args: Nothing::ROWS,
            code: Code::Reads(|facts, arguments| {
                Nothing::bind("config.items", arguments)?;
                Ok(Value::Map((*facts.opts()).clone()).into())
            }),
        },
        Function {
            name: "dot_vals",
            quick: true,
            doc: "All settings whose names begin with a word and a dot.",
            example: "config.dot_vals host",
            args: Prefix::ROWS,
            code: Code::Reads(dot_vals),
        },
        Function {
            name: "backup_mode",
            quick: true,
            doc: "The given way to keep copies of files, else the configured one.",
            example: "config.backup_mode",
            args: Backup::ROWS,
            code: Code::Reads(|facts, arguments| {
                let given = Backup::bind("config.backup_mode", arguments)?.backup;
                if given.truthy() {
                    return Ok(given.into());
                }
                facts.caller().call("config.option", Arguments::positional(["backup_mode"]))
            }),
        },
        Function {
            name: "manage_mode",
            quick: true,
            doc: "A mode with at least four digits.",
            example: "config.manage_mode 644",
            args: Mode::ROWS,
            code: Code::Reads(manage_mode),
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
        /// `overwrite`: the first source counts, as without; `recurse` or else: mappings of all sources are merged.
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
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// Arguments of `config.merge`.
    pub struct Merge {
        /// Name of the setting.
        value: String,
        /// Returned when there is none.
        default: Value = Value::from(""),
        /// Leave out the minion's configuration.
        omit_opts: bool = false,
        /// Leave out the master's configuration.
        omit_master: bool = false,
        /// Leave out the pillar.
        omit_pillar: bool = false,
    }
}

args! {
    /// Arguments of `config.dot_vals`.
    pub struct Prefix {
        /// The word before the dot.
        value: String,
    }
}

args! {
    /// Arguments of `config.backup_mode`.
    pub struct Backup {
        /// Returned unless it is empty.
        backup: Value = Value::from(""),
    }
}

args! {
    /// Arguments of `config.manage_mode`.
    pub struct Mode {
        /// The mode.
        mode: Value,
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
    // The reference takes any other word as the one for merging.
    if wanted.merge.as_deref().is_some_and(|merge| merge != "overwrite") {
        return Ok(merged(facts, &wanted).unwrap_or(wanted.default).into());
    }
    let (key, delimiter) = (&wanted.key, &wanted.delimiter);
    if !wanted.omit_opts {
        let set = path::traverse_map(&facts.opts(), key, delimiter).cloned();
        if let Some(value) = set.or_else(|| default_of(key)) {
            return Ok(value.into());
        }
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
    let default = default_of(name);
    let found = (!wanted.omit_opts).then(|| opts.get(name).or(default.as_ref())).flatten();
    let found = found.or_else(|| (!wanted.omit_grains).then(|| grains.get(name)).flatten());
    let found = found.or_else(|| (!wanted.omit_pillar).then(|| pillar.get(name)).flatten());
    let found = found.or_else(|| (!wanted.omit_master).then(|| master.and_then(|master| master.get(name))).flatten());
    let of_module = || default_of_module(name).filter(|_| !wanted.omit_all);
    Ok(found.cloned().or_else(of_module).unwrap_or(wanted.default).into())
}

/// What the reference does to a mode that a state gives: at least four digits.
fn manage_mode(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let mode = Mode::bind("config.manage_mode", arguments)?.mode;
    if mode.is_null() {
        return Ok(Value::Null.into());
    }
    let text = python::str_(&mode);
    Ok(format!("{:0>4}", text.trim_start_matches('0')).into())
}

/// Settings of the configuration and of the master's whose names begin with a word and a dot.
fn dot_vals(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let prefix = Prefix::bind("config.dot_vals", arguments)?.value + ".";
    let (opts, pillar) = (facts.opts(), facts.pillar());
    let master = pillar.get("master").and_then(Value::as_map);
    let named = |(key, _): &(&Value, &Value)| key.as_str().is_some_and(|key| key.starts_with(&prefix));
    let all = master.into_iter().flatten().chain(opts.iter()).filter(named);
    Ok(all.map(|(key, value)| (key.clone(), value.clone())).collect::<Map>().into())
}

/// Lists of all sources joined, mappings merged; a plain value of an earlier source counts alone.
fn merge_sources(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let wanted = Merge::bind("config.merge", arguments)?;
    let (opts, pillar) = (facts.opts(), facts.pillar());
    let master = pillar.get("master").and_then(Value::as_map);
    let sources: [(bool, Option<&Map>); 3] =
        [(wanted.omit_opts, Some(&opts)), (wanted.omit_master, master), (wanted.omit_pillar, Some(&pillar))];
    let mut all: Option<Value> = None;
    for (_, source) in sources.into_iter().filter(|(omit, _)| !omit) {
        let found = source.and_then(|source| source.get(&wanted.value)).filter(|found| !found.is_null()).cloned();
        all = match (all, found) {
            (all, None) => all,
            (None, found) => found,
            (Some(Value::List(mut items)), Some(Value::List(more))) => {
                items.extend(more);
                Some(Value::List(items))
            }
            (Some(Value::Map(over)), Some(Value::Map(mut base))) => {
                base.extend(over);
                Some(Value::Map(base))
            }
            (all, Some(_)) => all,
        };
    }
    Ok(all.unwrap_or(wanted.default).into())
}
