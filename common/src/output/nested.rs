//! `nested`: indented lines, keys sorted, colours by type.

use super::OutputOptions;
use super::color::{Color, Paint, mask_escapes};
use crate::value::{Map, Value, compare, python};

/// Prints any value.
pub(super) fn render(data: &Value, options: &OutputOptions) -> Option<String> {
    let mut display =
        Display { lines: Vec::new(), paint: Paint { on: options.color }, failed: options.retcode != 0, options };
    display.value(data, options.nested_indent, "");
    Some(display.lines.join("\n"))
}

/// The entries of a mapping in the order outputters print them; keys that have no order are sorted as text.
pub(super) fn sorted(map: &Map) -> Vec<(&Value, &Value)> {
    let mut entries: Vec<(&Value, &Value)> = map.iter().collect();
    if !compare::sort_by_key(&mut entries, |(key, _)| key) {
        entries.sort_by_cached_key(|(key, _)| python::str_(key));
    }
    entries
}

struct Display<'o> {
    lines: Vec<String>,
    paint: Paint,
    failed: bool,
    options: &'o OutputOptions,
}

impl Display<'_> {
    fn line(&mut self, indent: usize, color: Color, prefix: &str, text: &str, suffix: &str) {
        let text = self.paint.text(color, format_args!("{prefix}{text}"));
        self.lines.push(format!("{}{text}{suffix}", " ".repeat(indent)));
    }

    fn structure(&self, color: Color) -> Color {
        if self.failed { Color::Red } else { color }
    }

    fn value(&mut self, value: &Value, indent: usize, prefix: &str) {
        match value {
            Value::Str(text) => self.text(text, indent, prefix),
            Value::Bytes(bytes) => self.text(&String::from_utf8_lossy(bytes), indent, prefix),
            Value::List(items) => self.list(items, indent),
            Value::Map(map) => self.map(map, indent, prefix),
            other => self.line(indent, Color::LightYellow, prefix, &python::str_(other), ""),
        }
    }

    fn text(&mut self, text: &str, indent: usize, prefix: &str) {
        let hanging = " ".repeat(prefix.len());
        for (index, line) in python::lines(text).into_iter().enumerate() {
            let line = if self.options.strip_colors { mask_escapes(line) } else { line.to_owned() };
            self.line(indent, Color::Green, if index == 0 { prefix } else { &hanging }, &line, "");
        }
    }

    fn list(&mut self, items: &[Value], indent: usize) {
        for item in items {
            match item {
                Value::List(_) | Value::Map(_) => {
                    self.line(indent, self.structure(Color::Green), "", "|_", "");
                    let prefix = if matches!(item, Value::Map(_)) { "" } else { "- " };
                    self.value(item, indent + 2, prefix);
                }
                scalar => self.value(scalar, indent, "- "),
            }
        }
    }

    fn map(&mut self, map: &Map, indent: usize, prefix: &str) {
        let color = self.structure(Color::Cyan);
        if indent > 0 {
            self.line(indent, color, "", "----------", "");
        }
        for (key, value) in sorted(map) {
            self.line(indent, color, prefix, &python::str_(key), ":");
            self.value(value, indent + 4, "");
        }
    }
}
