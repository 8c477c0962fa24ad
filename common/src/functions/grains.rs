//! `grains.*` that only read: what is known of the minion.

use super::path;
use crate::args;
use crate::call::{Arguments, CallResult, Code, Facts, Function, Module, PureModule};
use crate::value::{Map, Value};

/// The module.
pub const MODULE: PureModule = Module {
    name: "grains",
    doc: "What is known of the minion.",
    functions: &[
        Function {
            name: "get",
            quick: true,
            doc: "The grain at a path (`os`, `datacenter:rack:row`), or the default.",
            example: "grains.get osfinger",
            args: Get::ROWS,
            code: Code::Reads(|facts, arguments| get(facts, "grains.get", arguments)),
        },
        Function {
            name: "fetch",
            quick: true,
            doc: "The grain at a path, or the default (another name of grains.get).",
            example: "grains.fetch os",
            args: Get::ROWS,
            code: Code::Reads(|facts, arguments| get(facts, "grains.fetch", arguments)),
        },
        Function {
            name: "items",
            quick: true,
            doc: "All grains; with `sanitize`, those that identify the machine are masked.",
            example: "grains.items",
            args: Items::ROWS,
            code: Code::Reads(items),
        },
        Function {
            name: "item",
            quick: true,
            doc: "The grains at the given paths, under their paths.",
            example: "grains.item os osrelease",
            args: Item::ROWS,
            code: Code::Reads(item),
        },
        Function {
            name: "ls",
            quick: true,
            doc: "The names of all grains, sorted.",
            example: "grains.ls",
            args: Nothing::ROWS,
            code: Code::Reads(ls),
        },
        Function {
            name: "has_value",
            quick: true,
            doc: "True if there is a grain at a path and it is not empty.",
            example: "grains.has_value roles",
            args: Key::ROWS,
            code: Code::Reads(|facts, arguments| {
                let key = Key::bind("grains.has_value", arguments)?.key;
                Ok(path::in_map(&facts.grains(), &key, ":").is_some_and(Value::truthy).into())
            }),
        },
    ],
};

args! {
    /// Arguments of functions that take none.
    pub struct Nothing {}
}

args! {
    /// Arguments of `grains.get`.
    pub struct Get {
        /// Path of the grain.
        key: String,
        /// Returned when there is none.
        default: Value = Value::from(""),
        /// What separates the parts of the path.
        delimiter: String = ":".to_owned(),
        /// Keep the order of mappings (always so here).
        ordered: bool = true,
    }
}

args! {
    /// Arguments of `grains.items`.
    pub struct Items {
        /// Mask what identifies the machine.
        sanitize: bool = false,
    }
}

args! {
    /// Arguments of `grains.item`.
    pub struct Item {
        /// Paths of grains.
        *args: Vec<String>,
        /// `default`, `delimiter` and `sanitize`.
        **kwargs: Map,
    }
}

args! {
    /// Arguments of `grains.has_value`.
    pub struct Key {
        /// Path of the grain.
        key: String,
    }
}

fn get(facts: &dyn Facts, function: &str, arguments: Arguments) -> CallResult {
    let wanted = Get::bind(function, arguments)?;
    let grains = facts.grains();
    Ok(path::in_map(&grains, &wanted.key, &wanted.delimiter).cloned().unwrap_or(wanted.default).into())
}

fn items(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let sanitize = Items::bind("grains.items", arguments)?.sanitize;
    let mut grains = (*facts.grains()).clone();
    if sanitize {
        mask(&mut grains);
    }
    Ok(grains.into())
}

fn item(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let Item { args, mut kwargs } = Item::bind("grains.item", arguments)?;
    let default = kwargs.remove("default").unwrap_or_else(|| Value::from(""));
    let delimiter = kwargs.remove("delimiter").and_then(|d| d.as_str().map(str::to_owned));
    let delimiter = delimiter.unwrap_or_else(|| ":".to_owned());
    let sanitize = kwargs.remove("sanitize").is_some_and(|value| value.truthy());
    let grains = facts.grains();
    let mut found = Map::new();
    for key in args {
        let value = path::in_map(&grains, &key, &delimiter).cloned().unwrap_or_else(|| default.clone());
        found.insert(key, value);
    }
    if sanitize {
        mask(&mut found);
    }
    Ok(found.into())
}

fn ls(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    Nothing::bind("grains.ls", arguments)?;
    let grains = facts.grains();
    let mut names: Vec<String> = grains.keys().filter_map(|key| key.as_str().map(str::to_owned)).collect();
    names.sort();
    Ok(Value::from(names).into())
}

/// Masks what identifies a machine or its owner, as `sanitize=True` promises.
fn mask(grains: &mut Map) {
    for (name, mask) in [
        ("serialnumber", "XXX"),
        ("domain", "domain.tld"),
        ("fqdn", "minion.domain.tld"),
        ("host", "minion"),
        ("id", "minion.domain.tld"),
    ] {
        if let Some(value) = grains.get_mut(name) {
            *value = Value::from(mask);
        }
    }
}
