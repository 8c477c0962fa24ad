//! `environ.*`: the environment of this job and the commands it runs.

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult, Function};
use fleet_common::value::{Map, Value, python};

use crate::cx::{Act, Look, Module};

/// The module.
pub const MODULE: Module = Module {
    name: "environ",
    doc: "The environment of this job and the commands it runs.",
    functions: &[
        Function::reads("get", "The value of a variable.", "environ.get PATH", Get::ROWS, get).quick(),
        Function::reads(
            "has_value",
            "True if a variable is set (to that value).",
            "environ.has_value HOME",
            Has::ROWS,
            has_value,
        )
        .quick(),
        Function::reads("item", "Values of several variables.", "environ.item '[PATH, HOME]'", Item::ROWS, item)
            .quick(),
        Function::reads("items", "All variables.", "environ.items", Nothing::ROWS, items).quick(),
        Function::changes(
            "setval",
            "Sets a variable for the rest of this job; returns the value.",
            "environ.setval http_proxy http://proxy:3128",
            Setval::ROWS,
            setval,
        ),
        Function::changes(
            "setenv",
            "Sets several variables for the rest of this job.",
            "environ.setenv '{A: x, B: y}'",
            Setenv::ROWS,
            setenv,
        ),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// Arguments of `environ.get`.
    pub struct Get {
        /// Name of the variable.
        key: Value,
        /// Returned when it is not set.
        default: Value = Value::from(""),
    }
}

args! {
    /// Arguments of `environ.has_value`.
    pub struct Has {
        /// Name of the variable.
        key: Value,
        /// The value it must have.
        value: Option<Value> = None,
    }
}

args! {
    /// Arguments of `environ.item`.
    pub struct Item {
        /// Names of variables.
        keys: Value,
        /// Returned for those not set.
        default: Value = Value::from(""),
    }
}

args! {
    /// Arguments of `environ.setval`.
    pub struct Setval {
        /// Name of the variable.
        key: Value,
        /// Its value; false empties it.
        val: Value,
        /// With false: remove the variable.
        false_unsets: bool = false,
        /// Not supported: keep it in the registry of Windows.
        permanent: Value = Value::Bool(false),
    }
}

args! {
    /// Arguments of `environ.setenv`.
    pub struct Setenv {
        /// Names and values.
        environ: Value,
        /// With false: remove the variable.
        false_unsets: bool = false,
        /// Remove all other variables.
        clear_all: bool = false,
        /// Not used.
        update_minion: bool = false,
        /// Not supported: keep them in the registry of Windows.
        permanent: Value = Value::Bool(false),
    }
}

fn get(look: &Look, arguments: Arguments) -> CallResult {
    let args = Get::bind("environ.get", arguments)?;
    // The reference answers false to what can be no name, here and below.
    let Some(key) = args.key.as_str() else { return Ok(false.into()) };
    Ok(look.environment().get(key).map_or(args.default, Value::from).into())
}

fn has_value(look: &Look, arguments: Arguments) -> CallResult {
    let args = Has::bind("environ.has_value", arguments)?;
    let Some(key) = args.key.as_str() else { return Ok(false.into()) };
    let value = look.environment().get(key);
    Ok(match args.value {
        None => value.is_some().into(),
        Some(wanted) => (value.as_deref() == wanted.as_str() && value.is_some()).into(),
    })
}

fn item(look: &Look, arguments: Arguments) -> CallResult {
    let args = Item::bind("environ.item", arguments)?;
    let keys: Vec<String> = match &args.keys {
        Value::Str(key) => vec![key.clone()],
        Value::List(keys) => keys.iter().map(python::str_).collect(),
        _ => Vec::new(),
    };
    let value = |key: &String| look.environment().get(key).map_or_else(|| args.default.clone(), Value::from);
    Ok(keys.iter().map(|key| (key.as_str(), value(key))).collect::<Map>().into())
}

fn items(look: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("environ.items", arguments)?;
    Ok(look.environment().all().into_iter().collect::<Map>().into())
}

/// Sets one variable; the value it has then, `None` when it was removed, or false for what is no text.
fn set(act: &Act, key: &str, value: &Value, false_unsets: bool) -> Value {
    match value {
        Value::Bool(false) if false_unsets => {
            act.environment().set(key, None);
            Value::Null
        }
        Value::Bool(false) => {
            act.environment().set(key, Some(String::new()));
            Value::from("")
        }
        Value::Str(text) => {
            act.environment().set(key, Some(text.clone()));
            Value::from(text)
        }
        _ => Value::Bool(false),
    }
}

fn setval(act: &Act, arguments: Arguments) -> CallResult {
    let args = Setval::bind("environ.setval", arguments)?;
    let Some(key) = args.key.as_str() else { return Ok(false.into()) };
    Ok(set(act, key, &args.val, args.false_unsets).into())
}

fn setenv(act: &Act, arguments: Arguments) -> CallResult {
    let args = Setenv::bind("environ.setenv", arguments)?;
    let Value::Map(wanted) = &args.environ else { return Ok(false.into()) };
    let is_settable = |value: &Value| matches!(value, Value::Str(_) | Value::Bool(false));
    if !wanted.iter().all(|(key, value)| key.as_str().is_some() && is_settable(value)) {
        return Ok(false.into());
    }
    if args.clear_all {
        for name in act.environment().all().keys().filter(|name| !wanted.contains(name)) {
            act.environment().set(name, None);
        }
    }
    let done = wanted
        .iter()
        .map(|(key, value)| (key.clone(), set(act, key.as_str().unwrap_or_default(), value, args.false_unsets)));
    Ok(done.collect::<Map>().into())
}
