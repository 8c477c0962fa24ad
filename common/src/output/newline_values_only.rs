//! `newline_values_only`: one value a line, lists unrolled, without the minions' names.

use super::OutputOptions;
use crate::value::{Value, python};

/// Prints a mapping of minions to values.
pub(super) fn render(data: &Value, _options: &OutputOptions) -> Option<String> {
    let lines = data.as_map()?.values().flat_map(|value| match value {
        Value::List(items) => items.iter().map(python::str_).collect(),
        other => vec![python::str_(other)],
    });
    Some(lines.collect::<Vec<_>>().join("\n"))
}
