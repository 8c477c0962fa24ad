//! Values as Python's `pprint` prints them: literals wrapped at 80 columns, mappings sorted by key.

use std::cmp::Ordering;

use super::{Map, Value, compare, python};

const WIDTH: usize = 80;

/// The literal, wrapped; each level is indented by `indent` columns (1 is Python's default).
pub fn format(value: &Value, indent: usize) -> String {
    let mut printer = Printer { out: String::new(), step: indent };
    printer.value(&sorted(value), 0, 0, 0);
    printer.out
}

/// The value with all mappings sorted: by key where keys have an order, else by the names of their types.
fn sorted(value: &Value) -> Value {
    match value {
        Value::List(items) => items.iter().map(sorted).collect(),
        Value::Map(map) => {
            let mut entries: Vec<(Value, Value)> =
                map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by(|(a, _), (b, _)| order(a, b));
            Value::Map(entries.into_iter().collect())
        }
        other => other.clone(),
    }
}

fn order(a: &Value, b: &Value) -> Ordering {
    let type_name = |value: &Value| if value.is_null() { "NoneType" } else { value.kind() };
    compare::compare(a, b).unwrap_or_else(|| type_name(a).cmp(type_name(b)))
}

struct Printer {
    out: String,
    step: usize,
}

impl Printer {
    /// `indent` is the column, `allowance` what must follow on the last line, `level` the depth.
    fn value(&mut self, value: &Value, indent: usize, allowance: usize, level: usize) {
        let literal = python::repr(value);
        if literal.chars().count() + indent + allowance <= WIDTH {
            return self.out.push_str(&literal);
        }
        match value {
            Value::Map(map) => self.map(map, indent, allowance, level + 1),
            Value::List(items) => self.list(items, indent, allowance, level + 1),
            Value::Str(text) if !text.is_empty() => self.text(text, indent, allowance, level + 1),
            _ => self.out.push_str(&literal),
        }
    }

    fn new_line(&mut self, indent: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn list(&mut self, items: &[Value], indent: usize, allowance: usize, level: usize) {
        self.open('[');
        let inner = indent + self.step;
        for (index, item) in items.iter().enumerate() {
            let last = index + 1 == items.len();
            self.value(item, inner, if last { allowance + 1 } else { 1 }, level);
            if !last {
                self.out.push(',');
                self.new_line(inner);
            }
        }
        self.out.push(']');
    }

    fn map(&mut self, map: &Map, indent: usize, allowance: usize, level: usize) {
        self.open('{');
        let inner = indent + self.step;
        for (index, (key, value)) in map.iter().enumerate() {
            let last = index + 1 == map.len();
            let key = python::repr(key);
            self.out.push_str(&key);
            self.out.push_str(": ");
            let column = inner + key.chars().count() + 2;
            self.value(value, column, if last { allowance + 1 } else { 1 }, level);
            if !last {
                self.out.push(',');
                self.new_line(inner);
            }
        }
        self.out.push('}');
    }

    fn open(&mut self, bracket: char) {
        self.out.push(bracket);
        self.out.extend(std::iter::repeat_n(' ', self.step.saturating_sub(1)));
    }

    /// A long text as several literals, broken at line ends and after white space.
    fn text(&mut self, text: &str, mut indent: usize, mut allowance: usize, level: usize) {
        if level == 1 {
            indent += 1;
            allowance += 1;
        }
        let literals = literals(text, WIDTH.saturating_sub(indent), allowance);
        if let [one] = &literals[..] {
            return self.out.push_str(one);
        }
        if level == 1 {
            self.out.push('(');
        }
        for (index, literal) in literals.iter().enumerate() {
            if index > 0 {
                self.new_line(indent);
            }
            self.out.push_str(literal);
        }
        if level == 1 {
            self.out.push(')');
        }
    }
}

/// Literals of at most `room` characters, the last leaving `allowance` free.
fn literals(text: &str, room: usize, allowance: usize) -> Vec<String> {
    let literal = |text: &str| python::repr(&Value::from(text));
    let lines = python::lines_with_ends(text);
    let mut out = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let last_line = number + 1 == lines.len();
        let reserve = |last: bool| if last { room.saturating_sub(allowance) } else { room };
        let whole = literal(line);
        if whole.chars().count() <= reserve(last_line) {
            out.push(whole);
            continue;
        }
        let parts = words(line);
        let mut current = String::new();
        for (index, part) in parts.iter().enumerate() {
            let candidate = format!("{current}{part}");
            if literal(&candidate).chars().count() > reserve(last_line && index + 1 == parts.len()) {
                if !current.is_empty() {
                    out.push(literal(&current));
                }
                current = (*part).to_owned();
            } else {
                current = candidate;
            }
        }
        if !current.is_empty() {
            out.push(literal(&current));
        }
    }
    out
}

/// Words, each with the white space after it.
fn words(line: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut start, mut in_space) = (0, false);
    for (at, c) in line.char_indices() {
        if in_space && !c.is_whitespace() {
            out.push(&line[start..at]);
            start = at;
        }
        in_space = c.is_whitespace();
    }
    if start < line.len() {
        out.push(&line[start..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn long_literals_are_wrapped_as_in_python() {
        let text =
            "b: [x, {k: [true]}]\na: {eth0: {inet: [{address: 10.0.0.1, netmask: 255.0.0.0}], up: true}, lo: {}}\n";
        let value = yaml::load(text, "t").unwrap().value;
        let expected = "{'a': {'eth0': {'inet': [{'address': '10.0.0.1', 'netmask': '255.0.0.0'}],\n                'up': True},\n       'lo': {}},\n 'b': ['x', {'k': [True]}]}";
        assert_eq!(format(&value, 1), expected);
        let text = Value::from("word ".repeat(20));
        let expected = "('word word word word word word word word word word word word word word word '\n 'word word word word word ')";
        assert_eq!(format(&text, 1), expected);
    }
}
