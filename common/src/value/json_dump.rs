//! Values as JSON text, as Python's `json.dumps` writes them.
//!
//! Lossy where JSON has no such thing: bytes become text (invalid sequences replaced), keys that are no text
//! become text (`1`, `true`, `null`, other kinds as `repr` shows them), NaN and infinities are written as
//! `NaN` and `Infinity`, which Python reads back.

use std::fmt::Write;

use super::{Map, Value, compare, python};

/// How JSON is laid out; the default is `json.dumps` without arguments, except that text stays readable.
#[derive(Debug, Clone, Default)]
pub struct JsonOptions {
    /// One entry a line, each level indented by this text; `None` for one line.
    pub indent: Option<String>,
    /// Sorts mappings by key; keys of kinds that have no order keep theirs.
    pub sort_keys: bool,
    /// Between entries; `None` for `, `, or `,` when indented.
    pub item_separator: Option<String>,
    /// Between key and value; `None` for `: `.
    pub key_separator: Option<String>,
    /// Escapes everything but ASCII.
    pub ensure_ascii: bool,
}

impl JsonOptions {
    /// Indented by a number of spaces.
    pub fn indented(spaces: usize) -> Self {
        Self { indent: Some(" ".repeat(spaces)), ..Self::default() }
    }
}

/// Writes a value as JSON.
pub fn dumps(value: &Value, options: &JsonOptions) -> String {
    let item_separator = options.item_separator.as_deref().unwrap_or(if options.indent.is_some() { "," } else { ", " });
    let key_separator = options.key_separator.as_deref().unwrap_or(": ");
    let mut writer = Writer { out: String::new(), options, item_separator, key_separator, level: 0 };
    writer.value(value);
    writer.out
}

/// Appends a JSON string, quotes included.
pub fn write_text(out: &mut String, text: &str, ensure_ascii: bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' || (ensure_ascii && !(' '..='~').contains(&c)) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a String takes all text");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

struct Writer<'o> {
    out: String,
    options: &'o JsonOptions,
    item_separator: &'o str,
    key_separator: &'o str,
    level: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) {
        match value {
            Value::Str(text) => write_text(&mut self.out, text, self.options.ensure_ascii),
            Value::Bytes(bytes) => {
                write_text(&mut self.out, &String::from_utf8_lossy(bytes), self.options.ensure_ascii);
            }
            Value::List(items) => self.list(items),
            Value::Map(map) => self.map(map),
            scalar => self.out.push_str(&plain(scalar)),
        }
    }

    fn list(&mut self, items: &[Value]) {
        self.out.push('[');
        self.level += 1;
        for (index, item) in items.iter().enumerate() {
            self.separate(index);
            self.value(item);
        }
        self.close(items.len(), ']');
    }

    fn map(&mut self, map: &Map) {
        let mut entries: Vec<(&Value, &Value)> = map.iter().collect();
        if self.options.sort_keys {
            compare::sort_by_key(&mut entries, |(key, _)| key);
        }
        self.out.push('{');
        self.level += 1;
        for (index, (key, value)) in entries.into_iter().enumerate() {
            self.separate(index);
            let name = match key {
                Value::Str(text) => std::borrow::Cow::Borrowed(text.as_str()),
                other => std::borrow::Cow::Owned(plain(other)),
            };
            write_text(&mut self.out, &name, self.options.ensure_ascii);
            self.out.push_str(self.key_separator);
            self.value(value);
        }
        self.close(map.len(), '}');
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.out.push_str(self.item_separator);
        }
        self.line();
    }

    fn close(&mut self, entries: usize, bracket: char) {
        self.level -= 1;
        if entries > 0 {
            self.line();
        }
        self.out.push(bracket);
    }

    fn line(&mut self) {
        if let Some(indent) = &self.options.indent {
            self.out.push('\n');
            for _ in 0..self.level {
                self.out.push_str(indent);
            }
        }
    }
}

/// A scalar without quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Float(number) if number.is_nan() => "NaN".to_owned(),
        Value::Float(number) if number.is_infinite() => if *number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => python::repr(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json_load;

    fn sample() -> Value {
        let entries = [
            (Value::from("b"), Value::from(vec![Value::Null, Value::Float(1.0), Value::List(vec![])])),
            (Value::from("a"), Value::from("é\"\u{1}\u{1f600}")),
        ];
        Value::Map(Map::from_iter(entries))
    }

    #[test]
    fn layouts_are_those_of_python() {
        assert_eq!(
            dumps(&sample(), &JsonOptions::default()),
            "{\"b\": [null, 1.0, []], \"a\": \"é\\\"\\u0001\u{1f600}\"}"
        );
        let options = JsonOptions { sort_keys: true, ensure_ascii: true, ..JsonOptions::indented(2) };
        let expected =
            "{\n  \"a\": \"\\u00e9\\\"\\u0001\\ud83d\\ude00\",\n  \"b\": [\n    null,\n    1.0,\n    []\n  ]\n}";
        assert_eq!(dumps(&sample(), &options), expected);
    }

    #[test]
    fn what_json_can_carry_comes_back() {
        let text = dumps(&sample(), &JsonOptions::default());
        assert!(json_load::parse(&text).unwrap().identical(&sample()));
        let keys = Value::Map(Map::from_iter([(Value::Int(1), Value::Null), (Value::Bool(false), Value::Null)]));
        assert_eq!(dumps(&keys, &JsonOptions::default()), "{\"1\": null, \"false\": null}");
    }
}
