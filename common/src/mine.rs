//! How names of the mine are asked for and how the answer looks: one place for runner and function.

use crate::value::{Map, Value, python};

/// The names in a list, or in a text separated by commas.
pub fn names(asked: &Value) -> Vec<String> {
    match asked {
        Value::List(names) => names.iter().map(python::str_).collect(),
        text => python::str_(text).split(',').map(|name| name.trim().to_owned()).collect(),
    }
}

/// The values of one name by minion; of several, those by name.
pub fn shaped(mut found: Map, names: &[String]) -> Map {
    match names {
        [one] => match found.remove(one.as_str()) {
            Some(Value::Map(values)) => values,
            _ => Map::new(),
        },
        _ => found,
    }
}
