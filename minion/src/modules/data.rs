//! `data.*`: values that calls leave for later calls on this minion, and `match.data`, which looks at them.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::target::{DataPattern, Style};
use fleet_common::value::{Map, Value};
use fleet_common::yaml;

use crate::cx::{Act, Look, Module};
use crate::kept::Kept;

const STORE: Kept = Kept { file: "datastore", remedy: "remove the file, or call data.clear" };

/// The module.
pub const MODULE: Module = Module {
    name: "data",
    doc: "Values that calls leave for later calls on this minion.",
    functions: &[
        Function::reads("load", "Everything that is kept.", "data.load", Nothing::ROWS, |look, arguments| {
            Nothing::bind("data.load", arguments)?;
            Ok(load(look)?.into())
        }),
        Function::reads("items", "Everything that is kept.", "data.items", Nothing::ROWS, |look, arguments| {
            Nothing::bind("data.items", arguments)?;
            Ok(load(look)?.into())
        }),
        Function::reads("keys", "The names of what is kept.", "data.keys", Nothing::ROWS, |look, arguments| {
            Nothing::bind("data.keys", arguments)?;
            Ok(load(look)?.keys().cloned().collect::<Value>().into())
        }),
        Function::reads("values", "What is kept, without names.", "data.values", Nothing::ROWS, |look, arguments| {
            Nothing::bind("data.values", arguments)?;
            Ok(load(look)?.values().cloned().collect::<Value>().into())
        }),
        Function::reads(
            "get",
            "A value, or the values of a list of names that are there; else the default.",
            "data.get key default",
            Get::ROWS,
            get,
        ),
        Function::reads("has_key", "True if a name is there.", "data.has_key key", Key::ROWS, |look, arguments| {
            let Key { key } = Key::bind("data.has_key", arguments)?;
            Ok(load(look)?.get_value(&key).is_some().into())
        }),
        Function::changes("dump", "Keeps a mapping in place of all.", "data.dump '{a: 1}'", Dump::ROWS, dump),
        Function::changes("update", "Keeps a value under a name.", "data.update key value", Update::ROWS, update),
        Function::changes(
            "cas",
            "Replaces a value if it still is the old one; true if it was.",
            "data.cas key new old",
            Cas::ROWS,
            cas,
        ),
        Function::changes("pop", "Removes a name; its value, or the default.", "data.pop key default", Get::ROWS, pop),
        Function::changes("clear", "Removes everything.", "data.clear", Nothing::ROWS, |act, arguments| {
            Nothing::bind("data.clear", arguments)?;
            STORE.clear(act.look())?;
            Ok(true.into())
        }),
    ],
};

/// The one function of `match` that looks at this machine.
pub const MATCH: Module = Module {
    name: "match",
    doc: "Whether a target expression means this minion.",
    functions: &[Function::reads(
        "data",
        "A key of what `data.update` and its like keep, and a shell pattern on its value.",
        "match.data 'spam:eggs'",
        Match::ROWS,
        matches,
    )],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// Arguments of `data.get` and `data.pop`.
    pub struct Get {
        /// A name, or for `get` a list of them.
        key: Value,
        /// What is answered without it.
        default: Value = Value::Null,
    }
}

args! {
    /// A name.
    pub struct Key {
        /// The name.
        key: Value,
    }
}

args! {
    /// Arguments of `data.dump`.
    pub struct Dump {
        /// A mapping, or the text of one.
        new_data: Value,
    }
}

args! {
    /// Arguments of `data.update`.
    pub struct Update {
        /// The name.
        key: Value,
        /// Its value.
        value: Value,
    }
}

args! {
    /// Arguments of `data.cas`.
    pub struct Cas {
        /// The name.
        key: Value,
        /// The new value.
        value: Value,
        /// What it must be now.
        old_value: Value,
    }
}

args! {
    /// Arguments of `match.data`.
    pub struct Match {
        /// Path of keys, and a pattern.
        tgt: String,
        /// What separates them.
        delimiter: String = ":".to_owned(),
    }
}

fn load(look: &Look) -> Result<Map, CallError> {
    STORE.read(look)
}

fn act_on(act: &Act, change: impl FnOnce(&mut Map) -> Value) -> CallResult {
    Ok(STORE.change(act.look(), |store| Ok(change(store)))?.into())
}

fn get(look: &Look, arguments: Arguments) -> CallResult {
    let Get { key, default } = Get::bind("data.get", arguments)?;
    let store = load(look)?;
    Ok(match key {
        Value::List(keys) => keys.iter().filter_map(|key| store.get_value(key)).cloned().collect::<Value>(),
        key => store.get_value(&key).cloned().unwrap_or(default),
    }
    .into())
}

fn dump(act: &Act, arguments: Arguments) -> CallResult {
    let Dump { new_data } = Dump::bind("data.dump", arguments)?;
    let new = match new_data {
        Value::Str(text) => match yaml::load(&text, "new_data").map(|document| document.value) {
            Ok(Value::Str(word)) if word == text => {
                return Err(CallError::Invocation(format!("data.dump: '{text}' is no mapping")));
            }
            Ok(value) => value,
            Err(error) => return Err(CallError::Invocation(format!("data.dump: '{text}' is no mapping: {error}"))),
        },
        value => value,
    };
    match new {
        Value::Map(new) => act_on(act, |store| {
            *store = new;
            true.into()
        }),
        _ => Ok(false.into()),
    }
}

fn update(act: &Act, arguments: Arguments) -> CallResult {
    let Update { key, value } = Update::bind("data.update", arguments)?;
    act_on(act, |store| {
        store.insert(key, value);
        true.into()
    })
}

fn cas(act: &Act, arguments: Arguments) -> CallResult {
    let Cas { key, value, old_value } = Cas::bind("data.cas", arguments)?;
    act_on(act, |store| match store.get_value_mut(&key) {
        Some(now) if *now == old_value => {
            *now = value;
            true.into()
        }
        _ => false.into(),
    })
}

fn pop(act: &Act, arguments: Arguments) -> CallResult {
    let Get { key, default } = Get::bind("data.pop", arguments)?;
    act_on(act, |store| store.remove_value(&key).unwrap_or(default))
}

fn matches(look: &Look, arguments: Arguments) -> CallResult {
    let Match { tgt, delimiter } = Match::bind("match.data", arguments)?;
    let store = load(look)?;
    Ok(DataPattern::parse(&tgt, &delimiter, Style::Glob).is_some_and(|pattern| pattern.matches(&store)).into())
}
