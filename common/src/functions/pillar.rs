//! `pillar.*` that only read: the data compiled for this minion.

use crate::args;
use crate::call::{Arguments, CallError, CallResult, Code, Facts, Function, Module, PureModule};
use crate::value::{Map, Value, merge, path};

/// The module.
pub const MODULE: PureModule = Module {
    name: "pillar",
    doc: "The data compiled for this minion.",
    functions: &[
        Function {
            name: "get",
            quick: true,
            doc: "The value at a path (`nginx:ssl:ciphers:1`), or the default; with `merge`, merged over the default.",
            example: "pillar.get pkg:apache",
            args: Get::ROWS,
            code: Code::Reads(|facts, arguments| get(facts, "pillar.get", arguments)),
        },
        Function {
            name: "fetch",
            quick: true,
            doc: "The value at a path, or the default (another name of pillar.get).",
            example: "pillar.fetch pkg:apache",
            args: Get::ROWS,
            code: Code::Reads(|facts, arguments| get(facts, "pillar.fetch", arguments)),
        },
        Function {
            name: "items",
            quick: true,
            doc: "The whole pillar.",
            example: "pillar.items",
            args: Items::ROWS,
            code: Code::Reads(|facts, arguments| items(facts, "pillar.items", arguments)),
        },
        Function {
            name: "data",
            quick: true,
            doc: "The whole pillar (another name of pillar.items).",
            example: "pillar.data",
            args: Items::ROWS,
            code: Code::Reads(|facts, arguments| items(facts, "pillar.data", arguments)),
        },
        Function {
            name: "raw",
            quick: true,
            doc: "The pillar in memory, or one top-level key of it.",
            example: "pillar.raw key=roles",
            args: Raw::ROWS,
            code: Code::Reads(raw),
        },
        Function {
            name: "item",
            quick: true,
            doc: "The values at the given paths, under their paths.",
            example: "pillar.item foo bar:baz",
            args: Item::ROWS,
            code: Code::Reads(item),
        },
        Function {
            name: "keys",
            quick: true,
            doc: "The keys of the mapping at a path.",
            example: "pillar.keys web:sites",
            args: Keys::ROWS,
            code: Code::Reads(keys),
        },
        Function {
            name: "ls",
            quick: true,
            doc: "The top-level keys.",
            example: "pillar.ls",
            args: Items::ROWS,
            code: Code::Reads(|facts, arguments| {
                Items::bind("pillar.ls", arguments)?;
                Ok(facts.pillar().keys().cloned().collect::<Value>().into())
            }),
        },
        Function {
            name: "obfuscate",
            quick: true,
            doc: "The pillar with every value replaced by its type.",
            example: "pillar.obfuscate",
            args: Items::ROWS,
            code: Code::Reads(|facts, arguments| {
                Items::bind("pillar.obfuscate", arguments)?;
                Ok(obfuscated(&Value::Map((*facts.pillar()).clone())).into())
            }),
        },
    ],
};

args! {
    /// Arguments of `pillar.get`.
    pub struct Get {
        /// Path of the value.
        key: String,
        /// Returned when there is none.
        default: Option<Value> = Some(Value::from("")),
        /// Merge what is found over the default.
        merge: bool = false,
        /// Merge lists inside mappings too; `None` means as merging is configured.
        merge_nested_lists: Option<bool> = None,
        /// What separates the parts of the path.
        delimiter: String = ":".to_owned(),
        /// Compile the pillar of another environment.
        pillarenv: Option<String> = None,
        /// Compile the pillar with another state environment.
        saltenv: Option<String> = None,
    }
}

args! {
    /// Arguments of `pillar.items`.
    pub struct Items {
        /// Names of keys (ignored, as in the reference).
        *args: Vec<Value>,
        /// `pillar`, `pillarenv` and the like.
        **kwargs: Map,
    }
}

args! {
    /// Arguments of `pillar.raw`.
    pub struct Raw {
        /// One top-level key.
        key: Option<String> = None,
    }
}

args! {
    /// Arguments of `pillar.item`.
    pub struct Item {
        /// Paths of values.
        *args: Vec<String>,
        /// `default`, `delimiter` and the like.
        **kwargs: Map,
    }
}

args! {
    /// Arguments of `pillar.keys`.
    pub struct Keys {
        /// Path of a mapping.
        key: String,
        /// What separates the parts of the path.
        delimiter: String = ":".to_owned(),
    }
}

fn get(facts: &dyn Facts, function: &str, arguments: Arguments) -> CallResult {
    let wanted = Get::bind(function, arguments)?;
    if wanted.pillarenv.is_some() {
        return Err(CallError::Unsupported(format!("{function} with pillarenv")));
    }
    let pillar = facts.pillar();
    let found = path::traverse_map(&pillar, &wanted.key, &wanted.delimiter).cloned();
    let default = wanted.default.unwrap_or_default();
    if !wanted.merge {
        return Ok(found.unwrap_or(default).into());
    }
    let lists =
        wanted.merge_nested_lists.unwrap_or_else(|| facts.opts().get("pillar_merge_lists").is_some_and(Value::truthy));
    Ok(match (default, found) {
        (Value::Map(mut base), Some(Value::Map(over))) => {
            merge::update(&mut base, &over, lists);
            Value::Map(base)
        }
        (Value::List(mut base), Some(Value::List(more))) => {
            let before = base.len();
            base.extend(more.into_iter().filter(|item| !base[..before].contains(item)).collect::<Vec<_>>());
            Value::List(base)
        }
        // What cannot be merged is answered as without merging, as the reference does.
        (default, found) => found.unwrap_or(default),
    }
    .into())
}

fn items(facts: &dyn Facts, function: &str, arguments: Arguments) -> CallResult {
    let given = Items::bind(function, arguments)?;
    if let Some(name) = ["pillar", "pillarenv", "pillar_enc"].iter().find(|name| given.kwargs.contains(name)) {
        return Err(CallError::Unsupported(format!("{function} with {name}")));
    }
    Ok(Value::Map((*facts.pillar()).clone()).into())
}

fn raw(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let pillar = facts.pillar();
    Ok(match Raw::bind("pillar.raw", arguments)?.key {
        Some(key) => pillar.get(&key).cloned().unwrap_or_else(|| Map::new().into()).into(),
        None => Value::Map((*pillar).clone()).into(),
    })
}

fn item(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let Item { args, mut kwargs } = Item::bind("pillar.item", arguments)?;
    let default = kwargs.remove("default").unwrap_or_else(|| Value::from(""));
    let delimiter = kwargs.remove("delimiter").and_then(|d| d.as_str().map(str::to_owned));
    let delimiter = delimiter.unwrap_or_else(|| ":".to_owned());
    let pillar = facts.pillar();
    let mut found = Map::new();
    for key in args {
        let value = path::traverse_map(&pillar, &key, &delimiter).cloned().unwrap_or_else(|| default.clone());
        found.insert(key, value);
    }
    Ok(found.into())
}

fn keys(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let wanted = Keys::bind("pillar.keys", arguments)?;
    let pillar = facts.pillar();
    match path::traverse_map(&pillar, &wanted.key, &wanted.delimiter) {
        None => Err(CallError::Failed(format!("Pillar key not found: {}", wanted.key))),
        Some(Value::Map(map)) => Ok(map.keys().cloned().collect::<Value>().into()),
        Some(_) => Err(CallError::Failed(format!("Pillar value in key {} is not a dict", wanted.key))),
    }
}

fn obfuscated(value: &Value) -> Value {
    match value {
        Value::Map(map) => Value::Map(map.iter().map(|(key, value)| (key.clone(), obfuscated(value))).collect()),
        Value::List(items) => items.iter().map(obfuscated).collect(),
        Value::Null => Value::from("<NoneType>"),
        other => Value::from(format!("<{}>", other.kind())),
    }
}
