//! `grains.*` that set: the file `grains` beside the configuration.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Facts, Function};
use fleet_common::value::{Map, Value, path, python};
use fleet_common::yaml;

use crate::cx::{Act, Module};
use crate::grains::{GRAINS_FILE, load_file};
use crate::pillar::Wanted;
use crate::system::fs::{self, WriteOptions};

/// The module (its reading functions are in `fleet_common`).
pub const MODULE: Module = Module {
    name: "grains",
    doc: "What is known of this machine.",
    functions: &[
        Function::changes(
            "setval",
            "Sets a grain in the grains file; returns it.",
            "grains.setval role web",
            Setval::ROWS,
            setval,
        ),
        Function::changes(
            "setvals",
            "Sets grains in the grains file; returns them.",
            "grains.setvals '{role: web, rack: 7}'",
            Setvals::ROWS,
            setvals,
        ),
        Function::changes(
            "set",
            "Sets a grain, nested ones too; says what changed. Lists and mappings are only replaced with force.",
            "grains.set apps:web:port 80",
            Set::ROWS,
            set_,
        ),
        Function::changes(
            "delval",
            "Sets a grain to nothing, or with destructive removes it.",
            "grains.delval role destructive=True",
            Delval::ROWS,
            delval,
        ),
        Function::changes("delkey", "Removes a grain.", "grains.delkey role", Delkey::ROWS, delkey),
        Function::changes("append", "Adds a value to a list.", "grains.append roles web", Append::ROWS, append),
        Function::changes("remove", "Takes a value out of a list.", "grains.remove roles web", Remove::ROWS, remove),
    ],
};

args! {
    /// Arguments of `grains.setval`.
    pub struct Setval {
        /// Name of the grain.
        key: String,
        /// Its value.
        val: Value,
        /// Remove the grain when the value is nothing.
        destructive: bool = false,
        /// Compile the pillar again afterwards.
        refresh_pillar: bool = true,
    }
}

args! {
    /// Arguments of `grains.setvals`.
    pub struct Setvals {
        /// Names and values.
        grains: Value,
        /// Remove grains whose value is nothing.
        destructive: bool = false,
        /// Compile the pillar again afterwards.
        refresh_pillar: bool = true,
    }
}

args! {
    /// Arguments of `grains.set`.
    pub struct Set {
        /// Path of the grain.
        key: String,
        /// Its value.
        val: Value = Value::from(""),
        /// Replace a list or mapping.
        force: bool = false,
        /// Remove the grain when the value is nothing.
        destructive: bool = false,
        /// What separates the parts of the path.
        delimiter: String = ":".to_owned(),
    }
}

args! {
    /// Arguments of `grains.delval`.
    pub struct Delval {
        /// Path of the grain.
        key: String,
        /// Remove the grain.
        destructive: bool = false,
        /// Replace a list or mapping.
        force: bool = false,
    }
}

args! {
    /// Arguments of `grains.delkey`.
    pub struct Delkey {
        /// Path of the grain.
        key: String,
        /// Remove a list or mapping too.
        force: bool = false,
    }
}

args! {
    /// Arguments of `grains.append`.
    pub struct Append {
        /// Path of the list.
        key: String,
        /// The value, or a list of values.
        val: Value,
        /// Make a list of a grain that is none.
        convert: bool = false,
        /// What separates the parts of the path.
        delimiter: String = ":".to_owned(),
    }
}

args! {
    /// Arguments of `grains.remove`.
    pub struct Remove {
        /// Path of the list.
        key: String,
        /// The value.
        val: Value,
        /// What separates the parts of the path.
        delimiter: String = ":".to_owned(),
    }
}

fn setval(act: &Act, arguments: Arguments) -> CallResult {
    let args = Setval::bind("grains.setval", arguments)?;
    let grains = Map::from_iter([(args.key.as_str(), args.val)]);
    Ok(store(act, grains, args.destructive, args.refresh_pillar)?.into())
}

fn setvals(act: &Act, arguments: Arguments) -> CallResult {
    let args = Setvals::bind("grains.setvals", arguments)?;
    let Value::Map(grains) = args.grains else {
        return Err(CallError::Failed("setvals grains must be a dictionary.".to_owned()));
    };
    Ok(store(act, grains, args.destructive, args.refresh_pillar)?.into())
}

/// Writes grains to the file and uses them from now on; returns what was set.
fn store(act: &Act, set: Map, destructive: bool, refresh_pillar: bool) -> Result<Map, CallError> {
    let directory = act
        .config_dir()
        .ok_or_else(|| CallError::Failed("this minion has no configuration directory to keep grains in".to_owned()))?;
    let file = directory.join(GRAINS_FILE);
    let mut kept = load_file(&file).map_err(CallError::Diagnostic)?;
    let mut grains = act.grains().as_ref().clone();
    for (name, value) in &set {
        if value.is_null() && destructive {
            kept.remove_value(name);
            grains.remove_value(name);
        } else {
            kept.insert(name.clone(), value.clone());
            grains.insert(name.clone(), value.clone());
        }
    }
    let options = yaml::DumpOptions { flow: yaml::Flow::Never, ..yaml::DumpOptions::default() };
    let text = if kept.is_empty() { String::new() } else { yaml::dump(&Value::Map(kept), &options) };
    fs::write_atomic(&file, text.as_bytes(), &WriteOptions { sync: fs::Sync::Now, ..WriteOptions::default() })
        .map_err(|fault| CallError::Failed(fault.to_string()))?;
    act.set_grains(std::sync::Arc::new(grains));
    // The daemon (and through it the master) learns of them; this call has them already.
    act.daemon().refresh_grains()?;
    if refresh_pillar {
        act.daemon().refresh_pillar(&Wanted::default())?;
    }
    Ok(set)
}

fn answer(comment: String, changes: Map, result: bool) -> CallResult {
    Ok(Map::from_iter([
        ("comment", Value::from(comment)),
        ("changes", Value::Map(changes)),
        ("result", Value::from(result)),
    ])
    .into())
}

fn set_(act: &Act, arguments: Arguments) -> CallResult {
    set(act, Set::bind("grains.set", arguments)?)
}

fn delval(act: &Act, arguments: Arguments) -> CallResult {
    let Delval { key, destructive, force } = Delval::bind("grains.delval", arguments)?;
    set(act, Set { key, val: Value::Null, force, destructive, delimiter: ":".to_owned() })
}

fn delkey(act: &Act, arguments: Arguments) -> CallResult {
    let Delkey { key, force } = Delkey::bind("grains.delkey", arguments)?;
    set(act, Set { key, val: Value::Null, force, destructive: true, delimiter: ":".to_owned() })
}

fn is_complex(value: &Value) -> bool {
    matches!(value, Value::List(_) | Value::Map(_))
}

fn set(act: &Act, args: Set) -> CallResult {
    let grains = act.grains();
    let existing = path::traverse_map(&grains, &args.key, &args.delimiter);
    if existing == Some(&args.val) && !(args.val.is_null() && args.destructive) {
        return answer("Grain is already set".to_owned(), Map::new(), true);
    }
    let refused =
        |why: &str| answer(format!("The key '{}' {why}. Use 'force=True' to overwrite.", args.key), Map::new(), false);
    if let Some(existing) = existing.filter(|existing| !existing.is_null() && !args.force) {
        if is_complex(existing) {
            return refused("exists but is a dict or a list");
        }
        if is_complex(&args.val) {
            return refused("exists and the given value is a dict or a list");
        }
    }
    let mut parts: Vec<&str> = args.key.split(args.delimiter.as_str()).collect();
    let mut value = args.val.clone();
    while parts.len() > 1 {
        let last = parts.pop().unwrap_or_default();
        let above = parts.join(&args.delimiter);
        let holder = path::traverse_map(&grains, &above, &args.delimiter).cloned().unwrap_or(Value::Map(Map::new()));
        value = match holder {
            Value::Map(mut map) => {
                if value.is_null() && args.destructive {
                    map.remove(last)
                } else {
                    map.insert(last, value)
                };
                Value::Map(map)
            }
            Value::List(items) => Value::List(in_list(items, last, value, args.destructive)),
            scalar if args.force || scalar.as_str() == Some(last) => Value::Map(Map::from_iter([(last, value)])),
            scalar => {
                let comment = format!(
                    "The key '{above}' value is '{}', which is different from the provided key '{last}'. Use 'force=True' to overwrite.",
                    python::str_(&scalar)
                );
                return answer(comment, Map::new(), false);
            }
        };
    }
    let changes = store(act, Map::from_iter([(parts[0], value)]), args.destructive, true)?;
    answer(String::new(), changes, true)
}

/// A nested value inside a list: the element that is the key or holds it is replaced, else one is added.
fn in_list(mut items: Vec<Value>, key: &str, value: Value, destructive: bool) -> Vec<Value> {
    let place =
        items.iter().position(|item| item.as_str() == Some(key) || item.as_map().is_some_and(|map| map.contains(key)));
    match (place, value.is_null() && destructive) {
        (Some(place), true) => drop(items.remove(place)),
        (Some(place), false) => match &mut items[place] {
            Value::Map(map) => drop(map.insert(key, value)),
            plain => *plain = Value::Map(Map::from_iter([(key, value)])),
        },
        (None, true) => {}
        (None, false) => items.push(Value::Map(Map::from_iter([(key, value)]))),
    }
    items
}

/// Stores a list at a path.
fn store_list(act: &Act, key: &str, delimiter: &str, items: Vec<Value>) -> CallResult {
    let grains = act.grains();
    let mut parts: Vec<&str> = key.split(delimiter).collect();
    let mut value = Value::List(items);
    while parts.len() > 1 {
        let last = parts.pop().unwrap_or_default();
        let mut holder = match path::traverse_map(&grains, &parts.join(delimiter), delimiter) {
            Some(Value::Map(map)) => map.clone(),
            _ => Map::new(),
        };
        holder.insert(last, value);
        value = Value::Map(holder);
    }
    Ok(store(act, Map::from_iter([(parts[0], value)]), false, true)?.into())
}

fn append(act: &Act, arguments: Arguments) -> CallResult {
    let args = Append::bind("grains.append", arguments)?;
    let grains = act.grains();
    let mut items = match path::traverse_map(&grains, &args.key, &args.delimiter) {
        None => Vec::new(),
        Some(Value::List(items)) => items.clone(),
        Some(scalar) if args.convert => vec![scalar.clone()],
        Some(_) => return Ok(format!("The key {} is not a valid list", args.key).into()),
    };
    if items.contains(&args.val) {
        return Ok(format!("The val {} was already in the list {}", python::str_(&args.val), args.key).into());
    }
    match args.val {
        Value::List(more) => items.extend(more),
        one => items.push(one),
    }
    store_list(act, &args.key, &args.delimiter, items)
}

fn remove(act: &Act, arguments: Arguments) -> CallResult {
    let args = Remove::bind("grains.remove", arguments)?;
    let grains = act.grains();
    let mut items = match path::traverse_map(&grains, &args.key, &args.delimiter) {
        None => Vec::new(),
        Some(Value::List(items)) => items.clone(),
        Some(_) => return Ok(format!("The key {} is not a valid list", args.key).into()),
    };
    let Some(place) = items.iter().position(|item| *item == args.val) else {
        return Ok(format!("The val {} was not in the list {}", python::str_(&args.val), args.key).into());
    };
    items.remove(place);
    store_list(act, &args.key, &args.delimiter, items)
}
