//! `file.keyvalue`: lines of keys and values.

use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::lines::split_lines;

/// What is wanted of the lines.
#[derive(Debug, Clone)]
pub struct KeyValue<'a> {
    /// Keys and their values.
    pub pairs: &'a Map,
    /// Between key and value.
    pub separator: &'a str,
    /// Add keys that are missing at the end.
    pub append: bool,
    /// Add keys that are missing at the beginning, unless they are appended.
    pub prepend: bool,
    /// How many lines a key may have; negative: all.
    pub count: i64,
    /// Signs to take from the start of lines first.
    pub uncomment: Option<&'a str>,
    /// Keys are equal in any case.
    pub key_ignore_case: bool,
    /// Values are equal in any case.
    pub value_ignore_case: bool,
}

/// What became of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// The new text.
    pub text: String,
    /// The lines that go and come, each with its sign and end.
    pub diff: Vec<String>,
    /// How many lines changed.
    pub lines: usize,
}

impl KeyValue<'_> {
    /// The edited text.
    pub fn apply(&self, text: &str) -> Changed {
        let mut changed = Changed::default();
        let mut left: Vec<i64> = vec![self.count; self.pairs.len()];
        for line in split_lines(text) {
            let line = self.edited(line, &mut left, &mut changed);
            changed.text.push_str(&line);
        }
        self.add(&left, &mut changed);
        changed
    }

    fn edited(&self, line: String, left: &mut [i64], changed: &mut Changed) -> String {
        let signs = self.uncomment.unwrap_or_default();
        let bare = line.trim_start_matches(|sign: char| signs.contains(sign) || (!signs.is_empty() && sign == ' '));
        let uncommented = bare.len() < line.len();
        for (index, (key, value)) in self.pairs.iter().enumerate() {
            let key = str_(key);
            let Some((line_key, line_value)) = bare.split_once(self.separator) else { continue };
            if !equal(line_key, &key, self.key_ignore_case) {
                continue;
            }
            let matches = equal(line_value.trim(), str_(value).trim(), self.value_ignore_case);
            let wanted = left[index] != 0;
            if left[index] > 0 {
                left[index] -= 1;
            }
            let line_break = if line.ends_with('\n') { "" } else { "\n" };
            if !wanted && !uncommented && !matches {
                // A line too many for its key goes.
                changed.diff.push(format!("- {line}{line_break}"));
                changed.lines += 1;
                return String::new();
            }
            if !wanted || (matches && !uncommented) {
                return line;
            }
            let new = format!("{line_key}{}{}\n", self.separator, str_(value));
            changed.diff.push(format!("- {line}{line_break}"));
            changed.diff.push(match value {
                Value::Str(_) => format!("+ {new}"),
                other => format!("+ {} (from {} type)\n", new.trim_end(), python_type(other)),
            });
            changed.lines += 1;
            return new;
        }
        line
    }

    fn add(&self, left: &[i64], changed: &mut Changed) {
        let missing: Vec<String> = self
            .pairs
            .iter()
            .zip(left)
            .filter(|(_, left)| **left > 0)
            .map(|((key, value), _)| format!("{}{}{}\n", str_(key), self.separator, str_(value)))
            .collect();
        if missing.is_empty() || !(self.append || self.prepend) {
            return;
        }
        changed.lines += missing.len();
        if self.append {
            changed.diff.push("- <EOF>\n".to_owned());
            for line in missing {
                changed.diff.push(format!("+ {line}"));
                if !changed.text.is_empty() && !changed.text.ends_with('\n') {
                    changed.text.push('\n');
                }
                changed.text.push_str(&line);
            }
            changed.diff.push("+ <EOF>\n".to_owned());
        } else {
            changed.diff.insert(0, "  <SOF>\n".to_owned());
            for line in missing {
                changed.diff.insert(1, format!("+ {line}"));
                changed.text.insert_str(0, &line);
            }
        }
    }
}

fn equal(one: &str, other: &str, ignore_case: bool) -> bool {
    if ignore_case { one.to_lowercase() == other.to_lowercase() } else { one == other }
}

fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::BigInt(_) => "int",
        Value::Float(_) => "float",
        Value::Str(_) => "str",
        Value::Bytes(_) => "bytes",
        Value::List(_) => "list",
        Value::Map(_) => "OrderedDict",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commented_keys_come_back_and_doubled_ones_go() {
        let pairs: Map = [("A", "9")].into_iter().collect();
        let edit = KeyValue {
            pairs: &pairs,
            separator: "=",
            append: false,
            prepend: false,
            count: 1,
            uncomment: Some("#"),
            key_ignore_case: false,
            value_ignore_case: false,
        };
        let done = edit.apply("#A=1\nB=2\nA=4\n");
        assert_eq!((done.text.as_str(), done.lines), ("A=9\nB=2\n", 2));
        assert_eq!(done.diff.concat(), "- #A=1\n+ A=9\n- A=4\n");
        assert_eq!(edit.apply(&done.text).lines, 0);
    }
}
