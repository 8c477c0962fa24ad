//! `no_return`: minions that did not return, and why.

use super::OutputOptions;
use super::color::{Color, Paint};
use super::nested::sorted;
use crate::value::{Value, python};

/// Prints texts and mappings of them.
pub(super) fn render(data: &Value, options: &OutputOptions) -> Option<String> {
    let mut lines = Vec::new();
    display(data, 0, Paint { on: options.color }, &mut lines);
    Some(lines.join("\n"))
}

fn display(value: &Value, indent: usize, paint: Paint, lines: &mut Vec<String>) {
    let space = " ".repeat(indent);
    match value {
        Value::Str(text) => {
            lines.extend(text.split('\n').map(|line| paint.text(Color::Red, format_args!("{space}{line}"))));
        }
        Value::Map(map) => {
            for (key, value) in sorted(map) {
                lines.push(paint.text(Color::Cyan, format_args!("{space}{}", python::str_(key))) + ":");
                display(value, indent + 4, paint, lines);
            }
        }
        _ => {}
    }
}
