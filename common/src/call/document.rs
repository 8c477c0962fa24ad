//! What `-d` and a call with wrong arguments print of a function: its usage, its arguments, an example.

use std::fmt::Write;

use super::{ArgRow, Registry, Rest, Row};
use crate::value::python::repr;
use crate::value::{Map, Value};

/// The text for one function.
pub fn function(row: &Row) -> String {
    let mut text = format!("{}.{}:\n\n", row.module, row.name);
    for line in row.doc.lines() {
        let _ = writeln!(text, "    {line}");
    }
    if !row.args.is_empty() {
        text.push_str("\n    Arguments:\n");
    }
    for argument in row.args {
        let Described { name, takes, doc } = argument_text(argument);
        let _ = writeln!(text, "      {name} ({takes}): {doc}");
    }
    let _ = writeln!(text, "\n    Example:\n      {}", row.example);
    text
}

/// What there is to be said of one argument.
pub struct Described {
    /// Its name, with stars when it takes all the others.
    pub name: String,
    /// Its kind, and its default or that it is required.
    pub takes: String,
    /// What it means, in one line.
    pub doc: String,
}

/// One argument in words: the same in `-d`, in `sys.doc` and on the pages of the documentation.
pub fn argument_text(argument: &ArgRow) -> Described {
    let stars = match argument.rest {
        Rest::No => "",
        Rest::Positional => "*",
        Rest::Keyword => "**",
    };
    let default = match argument.default {
        None => ", required".to_owned(),
        Some("") => String::new(),
        Some(default) => format!(", default {}", repr(&default_value(default))),
    };
    let doc = argument.doc.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    Described {
        name: format!("{stars}{}", argument.name),
        takes: format!("{}{default}", argument.kind),
        doc: doc.trim().to_owned(),
    }
}

/// The texts for all functions whose name starts with `prefix` (a module, or a function).
pub fn matching<R: ?Sized, W: ?Sized>(functions: &Registry<R, W>, prefix: Option<&str>) -> String {
    let wanted = |row: &Row| {
        let name = format!("{}.{}", row.module, row.name);
        prefix.is_none_or(|prefix| name == prefix || name.starts_with(&format!("{prefix}.")))
    };
    functions.rows().filter(wanted).map(|row| function(&row)).collect::<Vec<_>>().join("\n")
}

/// The value of a default as it stands in the table (`Some("x".to_owned())`, `Value::from(5)`, `Vec::new()`).
pub fn default_value(text: &str) -> Value {
    let text = text.trim().trim_end_matches(".to_owned()");
    for wrapper in ["Value::from(", "Value::Bool(", "Some("] {
        if let Some(inner) = text.strip_prefix(wrapper).and_then(|inner| inner.strip_suffix(')')) {
            return default_value(inner);
        }
    }
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "String::new()" => Value::from(""),
        "Vec::new()" => Value::List(Vec::new()),
        "Map::new()" => Value::Map(Map::new()),
        quoted if quoted.starts_with('"') => Value::from(quoted.trim_matches('"')),
        number => match (number.parse::<i64>(), number.parse::<f64>()) {
            (Ok(whole), _) => Value::Int(whole),
            (_, Ok(part)) => Value::Float(part),
            _ => Value::Null,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_of_the_tables_become_values() {
        for (text, value) in [
            ("None", Value::Null),
            ("Some(\"debug\".to_owned())", Value::from("debug")),
            ("Value::from(\".bak\")", Value::from(".bak")),
            ("5", Value::from(5)),
            ("Value::Bool(false)", Value::from(false)),
            ("String::new()", Value::from("")),
        ] {
            assert!(default_value(text).identical(&value), "{text}");
        }
    }
}
