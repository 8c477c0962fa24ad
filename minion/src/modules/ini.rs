//! `ini.*`: files of sections, keys and values.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, FromValue, Function};
use fleet_common::value::{Map, Value};

use super::tool;
use crate::cx::{Act, Module};
use crate::edit::Ini;

/// The module.
pub const MODULE: Module = Module {
    name: "ini",
    doc: "Files of sections, keys and values.",
    functions: &[
        Function::reads("get_ini", "All of a file.", "ini.get_ini /etc/my.cnf", File::ROWS, |_, arguments| {
            let args = File::bind("ini.get_ini", arguments)?;
            Ok(whole(&read(&args.file_name, &args.separator, args.encoding.as_deref())?).into())
        }),
        Function::reads(
            "get_section",
            "The keys and values of a section.",
            "ini.get_section /etc/my.cnf mysqld",
            Section::ROWS,
            |_, arguments| {
                let args = Section::bind("ini.get_section", arguments)?;
                let ini = read(&args.file_name, &args.separator, args.encoding.as_deref())?;
                Ok(pairs(&ini, Some(&args.section)).into())
            },
        ),
        Function::reads(
            "get_option",
            "The value of a key.",
            "ini.get_option /etc/my.cnf mysqld port",
            Key::ROWS,
            |_, arguments| {
                let args = Key::bind("ini.get_option", arguments)?;
                let ini = read(&args.file_name, &args.separator, args.encoding.as_deref())?;
                Ok(ini.get(section(&args.section), &args.option).map_or(Value::Null, Value::from).into())
            },
        ),
        Function::changes(
            "set_option",
            "Sets keys; values before and after.",
            "ini.set_option /etc/my.cnf '{mysqld: {port: 3307}}'",
            Set::ROWS,
            set_option,
        ),
        Function::changes(
            "remove_option",
            "Removes a key; its value.",
            "ini.remove_option /etc/my.cnf mysqld port",
            Key::ROWS,
            remove_option,
        ),
        Function::changes(
            "remove_section",
            "Removes a section; its keys and values.",
            "ini.remove_section /etc/my.cnf mysqld",
            Section::ROWS,
            remove_section,
        ),
    ],
};

args! {
    /// A file.
    pub struct File {
        /// The file.
        file_name: String,
        /// What divides keys and values.
        separator: String = "=".to_owned(),
        /// Only UTF-8 is known.
        encoding: Option<String> = None,
    }
}

args! {
    /// A section of a file.
    pub struct Section {
        /// The file.
        file_name: String,
        /// The section.
        section: String,
        /// What divides keys and values.
        separator: String = "=".to_owned(),
        /// Only UTF-8 is known.
        encoding: Option<String> = None,
    }
}

args! {
    /// A key of a file.
    pub struct Key {
        /// The file.
        file_name: String,
        /// The section; empty for keys before all sections.
        section: String,
        /// The key.
        option: String,
        /// What divides keys and values.
        separator: String = "=".to_owned(),
        /// Only UTF-8 is known.
        encoding: Option<String> = None,
    }
}

args! {
    /// Arguments of `ini.set_option`.
    pub struct Set {
        /// The file.
        file_name: String,
        /// Keys and values by section; a value beside the sections is of a key before them.
        sections: Map = Map::new(),
        /// What divides keys and values.
        separator: String = "=".to_owned(),
        /// Only UTF-8 is known.
        encoding: Option<String> = None,
        /// No blanks around the separator.
        no_spaces: bool = false,
    }
}

/// The name of a section; an empty one stands for the keys before all sections.
fn section(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_empty() && *name != "DEFAULT_IMPLICIT")
}

/// A file; one that is not there is empty.
pub fn read(file: &str, separator: &str, encoding: Option<&str>) -> Result<Ini, CallError> {
    let utf8 = encoding.is_none_or(|name| ["utf-8", "utf8", "ascii"].contains(&name.to_ascii_lowercase().as_str()));
    if !utf8 {
        return Err(CallError::Unsupported(format!("encoding {}", encoding.unwrap_or_default())));
    }
    Ok(Ini::parse(&tool::text(Path::new(file))?, separator))
}

/// Writes a file.
pub fn write(file: &str, ini: &Ini) -> Result<(), CallError> {
    tool::rewrite(Path::new(file), &ini.text())
}

fn pairs(ini: &Ini, section: Option<&str>) -> Map {
    ini.pairs(section).into_iter().collect()
}

fn whole(ini: &Ini) -> Map {
    let mut all = pairs(ini, None);
    for name in ini.sections() {
        all.insert(name, pairs(ini, Some(name)));
    }
    all
}

/// A value as it is written.
pub fn text(value: &Value) -> Result<String, CallError> {
    match value {
        Value::Null => Ok(String::new()),
        other => String::from_value(other.clone())
            .map_err(|other| CallError::Invocation(format!("a value is a text, not {}", other.kind()))),
    }
}

/// Sets keys; what changed, as values before and after by key and section.
pub fn set(ini: &mut Ini, sections: &Map) -> Result<Map, CallError> {
    let change = |before: Option<String>, after: &str| {
        Map::from_iter([("before", before.map_or(Value::Null, Value::from)), ("after", Value::from(after))])
    };
    let mut changes = Map::new();
    for (name, body) in sections.iter() {
        let name = text(name)?;
        let Value::Map(body) = body else {
            let value = text(body)?;
            if ini.get(None, &name) != Some(&value) {
                changes.insert(name.as_str(), change(ini.set(None, &name, &value), &value));
            }
            continue;
        };
        let fresh = !ini.has(&name);
        let mut inner = Map::new();
        for (key, value) in body.iter() {
            let (key, value) = (text(key)?, text(value)?);
            if ini.get(Some(&name), &key) == Some(&value) {
                continue;
            }
            let before = ini.set(Some(&name), &key, &value);
            inner.insert(key.as_str(), if fresh { value.as_str().into() } else { Value::from(change(before, &value)) });
        }
        if fresh {
            ini.add(Some(&name));
            changes.insert(name, Map::from_iter([("before", Value::Null), ("after", inner.into())]));
        } else if !inner.is_empty() {
            changes.insert(name, inner);
        }
    }
    Ok(changes)
}

fn set_option(_act: &Act, arguments: Arguments) -> CallResult {
    let args = Set::bind("ini.set_option", arguments)?;
    let mut ini = read(&args.file_name, &args.separator, args.encoding.as_deref())?.without_spaces(args.no_spaces);
    let changes = set(&mut ini, &args.sections)?;
    if !changes.is_empty() {
        write(&args.file_name, &ini)?;
    }
    Ok(changes.into())
}

fn remove_option(_act: &Act, arguments: Arguments) -> CallResult {
    let args = Key::bind("ini.remove_option", arguments)?;
    let mut ini = read(&args.file_name, &args.separator, args.encoding.as_deref())?;
    let Some(value) = ini.unset(section(&args.section), &args.option) else { return Ok(Value::Null.into()) };
    write(&args.file_name, &ini)?;
    Ok(value.into())
}

fn remove_section(_act: &Act, arguments: Arguments) -> CallResult {
    let args = Section::bind("ini.remove_section", arguments)?;
    let mut ini = read(&args.file_name, &args.separator, args.encoding.as_deref())?;
    let Some(pairs) = ini.remove(&args.section) else { return Ok(Value::Null.into()) };
    write(&args.file_name, &ini)?;
    Ok(pairs.into_iter().collect::<Map>().into())
}
