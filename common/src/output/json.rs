//! `json`: JSON text, four spaces a level unless told otherwise.

use super::{Indent, OutputOptions};
use crate::value::json_dump::{JsonOptions, dumps};
use crate::value::{Value, python};

/// Prints any value.
pub(super) fn render(data: &Value, options: &OutputOptions) -> Option<String> {
    let layout = match options.output_indent {
        Indent::Own => JsonOptions::indented(4),
        Indent::Pretty => JsonOptions { sort_keys: true, ..JsonOptions::indented(4) },
        Indent::OneLine => JsonOptions::default(),
        Indent::Spaces(spaces) => JsonOptions::indented(spaces),
    };
    Some(dumps(&printable(data), &layout))
}

/// The value with bytes as Python shows them, which JSON can not carry.
fn printable(value: &Value) -> Value {
    match value {
        Value::Bytes(_) => Value::Str(python::repr(value)),
        Value::List(items) => items.iter().map(printable).collect(),
        Value::Map(map) => Value::Map(map.iter().map(|(key, value)| (key.clone(), printable(value))).collect()),
        other => other.clone(),
    }
}
