//! `'{}'.format(x)`: fields with attributes, items, conversions and nested specifications.

use super::attribute;
use super::fault::{Fault, Res};
use super::format_spec::Spec;
use super::interpret::{Arguments, Run};
use super::object::{Dict, Key, TextKey, Val};

/// `text.format(*args, **kwargs)`.
pub(super) fn format(run: &mut Run<'_>, text: &str, arguments: &mut Arguments) -> Res {
    let positional: Vec<Val> = arguments.positional.drain(..).collect();
    let named: Dict = arguments.named.drain(..).map(|(name, value)| (Key::text(name), value)).collect();
    Fields { run, positional, named: Val::dict(named), next: 0, by_hand: None }.format(text, 0).map(Val::str)
}

/// `text.format_map(mapping)`.
pub(super) fn format_map(run: &mut Run<'_>, text: &str, mapping: Val) -> Res {
    Fields { run, positional: Vec::new(), named: mapping, next: 0, by_hand: None }.format(text, 0).map(Val::str)
}

struct Fields<'f, 'r> {
    run: &'f mut Run<'r>,
    positional: Vec<Val>,
    named: Val,
    next: usize,
    /// Whether fields are numbered by hand; known from the first one.
    by_hand: Option<bool>,
}

impl Fields<'_, '_> {
    fn format(&mut self, text: &str, depth: usize) -> Res<String> {
        if depth > 2 {
            return Err(Fault::error("Max string recursion exceeded"));
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            out.push_str(&rest[..at]);
            let (mark, after) = rest[at..].split_at(1);
            if after.starts_with(mark) {
                out.push_str(mark);
                rest = &after[1..];
                continue;
            }
            if mark == "}" {
                return Err(Fault::error("Single '}' encountered in format string"));
            }
            let end = closing(after)?;
            let field = self.field(&after[..end], depth)?;
            out.push_str(&field);
            rest = &after[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn field(&mut self, field: &str, depth: usize) -> Res<String> {
        // A colon or exclamation mark inside of brackets belongs to the name.
        let split = outside(field, &[':', '!']).unwrap_or(field.len());
        let (name, tail) = field.split_at(split);
        let (conversion, spec) = match tail.strip_prefix('!') {
            Some(tail) => (tail.chars().next(), tail.get(1..).unwrap_or("").trim_start_matches(':')),
            None => (None, tail.strip_prefix(':').unwrap_or("")),
        };
        let value = self.lookup(name)?;
        let value = match conversion {
            Some('r' | 'a') => Val::str(value.repr()),
            Some('s') => Val::str(value.text()?),
            Some(other) => return Err(Fault::error(format!("Unknown conversion specifier {other}"))),
            None => value,
        };
        let spec = self.format(spec, depth + 1)?;
        Spec::parse(&spec)?.apply(&value)
    }

    fn lookup(&mut self, name: &str) -> Res {
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let (first, mut rest) = name.split_at(end);
        let mut value = self.first(first)?;
        while !rest.is_empty() {
            if let Some(tail) = rest.strip_prefix('[') {
                let Some(close) = tail.find(']') else { return Err(Fault::error("Missing ']' in format string")) };
                let key = &tail[..close];
                let key = key.parse::<i64>().map_or_else(|_| Val::str(key), Val::Int);
                value = attribute::item(self.run, &value, &key)?.defined()?;
                rest = &tail[close + 1..];
            } else {
                let tail = &rest[1..];
                let end = tail.find(['.', '[']).unwrap_or(tail.len());
                value = attribute::attribute(self.run, &value, &tail[..end].into())?.defined()?;
                rest = &tail[end..];
            }
        }
        Ok(value)
    }

    fn first(&mut self, name: &str) -> Res {
        let index = if name.is_empty() {
            self.next += 1;
            Some(self.next - 1)
        } else {
            name.parse::<usize>().ok()
        };
        if index.is_some() && *self.by_hand.get_or_insert(!name.is_empty()) == name.is_empty() {
            let (from, to) = if name.is_empty() {
                ("manual field specification", "automatic field numbering")
            } else {
                ("automatic field numbering", "manual field specification")
            };
            return Err(Fault::error(format!("cannot switch from {from} to {to}")));
        }
        let found = match index {
            Some(index) => self.positional.get(index).cloned(),
            None => match &self.named {
                Val::Dict(dict) => dict.borrow().get(&TextKey(name)).cloned(),
                _ => None,
            },
        };
        found.ok_or_else(|| match index {
            Some(index) => Fault::error(format!("Replacement index {index} out of range for positional args tuple")),
            None => Fault::error(format!("'{name}'")),
        })
    }
}

/// The end of a field, with fields inside its specification.
fn closing(text: &str) -> Res<usize> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Ok(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    Err(Fault::error("expected '}' before end of string"))
}

fn outside(text: &str, marks: &[char]) -> Option<usize> {
    let mut inside = false;
    for (at, c) in text.char_indices() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            c if !inside && marks.contains(&c) => return Some(at),
            _ => {}
        }
    }
    None
}
