//! `grains.*` that only read: what is known of the minion.

use super::filter::{self, Around};
use crate::args;
use crate::call::{Arguments, CallResult, Code, Facts, Function, Module, PureModule};
use crate::value::{Map, Value, path, python};

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
                Ok(path::traverse_map(&facts.grains(), &key, ":").is_some_and(Value::truthy).into())
            }),
        },
        Function {
            name: "equals",
            quick: true,
            doc: "True if the grain at a path equals the value, compared as text.",
            example: "grains.equals os Debian",
            args: Equals::ROWS,
            code: Code::Reads(equals),
        },
        Function {
            name: "filter_by",
            quick: true,
            doc: "Picks the entry of a mapping whose key matches a grain, merged over `base` and under `merge`.",
            example: "grains.filter_by '{Debian: apache2, RedHat: httpd, default: apache}'",
            args: FilterBy::ROWS,
            code: Code::Reads(filter_by),
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

args! {
    /// Arguments of `grains.equals`.
    pub struct Equals {
        /// Path of the grain.
        key: String,
        /// The value to compare with.
        value: Value,
    }
}

args! {
    /// Arguments of `grains.filter_by`.
    pub struct FilterBy {
        /// Entries by shell patterns on the grain's value.
        lookup_dict: Map,
        /// Path of the grain.
        grain: String = "os_family".to_owned(),
        /// A mapping that is merged over the entry.
        merge: Option<Value> = None,
        /// Key of the entry taken when none fits.
        default: String = "default".to_owned(),
        /// Key of the entry that the found one is merged over.
        base: Option<String> = None,
    }
}

fn get(facts: &dyn Facts, function: &str, arguments: Arguments) -> CallResult {
    let wanted = Get::bind(function, arguments)?;
    let grains = facts.grains();
    Ok(path::traverse_map(&grains, &wanted.key, &wanted.delimiter).cloned().unwrap_or(wanted.default).into())
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
        let value = path::traverse_map(&grains, &key, &delimiter).cloned().unwrap_or_else(|| default.clone());
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

fn equals(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let wanted = Equals::bind("grains.equals", arguments)?;
    let grains = facts.grains();
    let found = path::traverse_map(&grains, &wanted.key, ":").cloned().unwrap_or_else(|| Value::from(""));
    Ok((python::str_(&found) == python::str_(&wanted.value)).into())
}

fn filter_by(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let wanted = FilterBy::bind("grains.filter_by", arguments)?;
    let grains = facts.grains();
    let grain = path::traverse_map(&grains, &wanted.grain, ":").unwrap_or(&Value::Null);
    let around = Around {
        default: &wanted.default,
        base: wanted.base.as_deref(),
        merge: wanted.merge.as_ref(),
        merge_lists: false,
    };
    Ok(filter::by_value(&wanted.lookup_dict, grain, &around)?.into())
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
