//! `pillar.*` that only read: the data compiled for this minion.

use std::sync::Arc;

use super::filter::{self, Around};
use crate::args;
use crate::call::{Arguments, CallError, CallResult, Code, Facts, Function, Module, PureModule};
use crate::pillar::Wanted;
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
            quick: false,
            doc: "The whole pillar, compiled afresh; the one in memory stays as it is.",
            example: "pillar.items",
            args: Items::ROWS,
            code: Code::Reads(|facts, arguments| items(facts, "pillar.items", arguments)),
        },
        Function {
            name: "data",
            quick: false,
            doc: "The whole pillar, compiled afresh (another name of pillar.items).",
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
            quick: false,
            doc: "The top-level keys of the pillar, compiled afresh.",
            example: "pillar.ls",
            args: Items::ROWS,
            code: Code::Reads(|facts, arguments| {
                Ok(compiled(facts, "pillar.ls", arguments)?.keys().cloned().collect::<Value>().into())
            }),
        },
        Function {
            name: "filter_by",
            quick: true,
            doc: "The entry of a mapping whose key is the value at a path of the pillar, merged with others.",
            example: "pillar.filter_by '{web: Serve it up, db: I query}' role",
            args: FilterBy::ROWS,
            code: Code::Reads(filter_by),
        },
        Function {
            name: "obfuscate",
            quick: false,
            doc: "The pillar, compiled afresh, with every value replaced by its type.",
            example: "pillar.obfuscate",
            args: Items::ROWS,
            code: Code::Reads(|facts, arguments| {
                let pillar = compiled(facts, "pillar.obfuscate", arguments)?;
                Ok(obfuscated(&Value::Map((*pillar).clone())).into())
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
        /// Paths of values, instead of everything; what is not there is an empty text.
        *args: Vec<String>,
        /// `pillar`, `pillarenv`, `saltenv`.
        **kwargs: Map,
    }
}

args! {
    /// Arguments of `pillar.filter_by`.
    pub struct FilterBy {
        /// Entries by value.
        lookup_dict: Map,
        /// Path of the value.
        pillar: String,
        /// A mapping that is merged over the entry.
        merge: Option<Value> = None,
        /// Key of the entry taken when none fits.
        default: String = "default".to_owned(),
        /// Key of the entry that the found one is merged over.
        base: Option<String> = None,
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
        /// `default`, `delimiter`, `pillarenv`, `saltenv`.
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
    let pillar = in_memory_or(facts, wanted.pillarenv, wanted.saltenv)?;
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
    Ok(Value::Map((*compiled(facts, function, arguments)?).clone()).into())
}

/// The pillar compiled for this call.
fn compiled(facts: &dyn Facts, function: &str, arguments: Arguments) -> Result<Arc<Map>, CallError> {
    let Items { args: wanted, kwargs: mut given } = Items::bind(function, arguments)?;
    if given.remove("pillar_enc").is_some_and(|given| given != Value::Null) {
        return Err(CallError::Unsupported(format!("{function} with pillar_enc")));
    }
    let overrides = match given.remove("pillar") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Map(overrides)) => overrides,
        Some(other) => {
            let said = format!("{function}: pillar must be a dictionary, not {}", other.kind());
            return Err(CallError::Invocation(said));
        }
    };
    let mut text = |name: &str| given.remove(name).and_then(|value| value.as_str().map(str::to_owned));
    let pillar = facts.compile_pillar(&of_environment(facts, text("pillarenv"), text("saltenv"), overrides))?;
    if wanted.is_empty() {
        return Ok(pillar);
    }
    let found = |key: &String| path::traverse_map(&pillar, key, ":").cloned().unwrap_or_else(|| Value::from(""));
    Ok(Arc::new(wanted.iter().map(|key| (key.as_str(), found(key))).collect()))
}

/// Which pillar these arguments mean.
fn of_environment(facts: &dyn Facts, pillarenv: Option<String>, saltenv: Option<String>, overrides: Map) -> Wanted {
    let follows = facts.opts().get("pillarenv_from_saltenv").is_some_and(Value::truthy);
    Wanted { pillarenv: pillarenv.or_else(|| saltenv.clone().filter(|_| follows)), saltenv, overrides }
}

/// The pillar in memory, or compiled for this call when it names an environment.
fn in_memory_or(facts: &dyn Facts, pillarenv: Option<String>, saltenv: Option<String>) -> Result<Arc<Map>, CallError> {
    if pillarenv.is_none() && saltenv.is_none() {
        return Ok(facts.pillar());
    }
    facts.compile_pillar(&of_environment(facts, pillarenv, saltenv, Map::new()))
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
    let mut text = |name: &str| kwargs.remove(name).and_then(|value| value.as_str().map(str::to_owned));
    let delimiter = text("delimiter").unwrap_or_else(|| ":".to_owned());
    let pillar = in_memory_or(facts, text("pillarenv"), text("saltenv"))?;
    let mut found = Map::new();
    for key in args {
        let value = path::traverse_map(&pillar, &key, &delimiter).cloned().unwrap_or_else(|| default.clone());
        found.insert(key, value);
    }
    Ok(found.into())
}

fn filter_by(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let wanted = FilterBy::bind("pillar.filter_by", arguments)?;
    let around = Around {
        default: &wanted.default,
        base: wanted.base.as_deref(),
        merge: wanted.merge.as_ref(),
        merge_lists: false,
    };
    let pillar = facts.pillar();
    let value = path::traverse_map(&pillar, &wanted.pillar, ":").unwrap_or(&Value::Null);
    Ok(filter::by_value(&wanted.lookup_dict, value, &around)?.into())
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
