//! `key:subkey:value` against grains and pillar: by glob, regular expression or as it stands, without regard to case.
//!
//! Where a key ends and the value begins is tried from the right: `ipv6:2001:db8::1` means the value `2001:db8::1` of
//! `ipv6` just as well. Behaves as the reference's `subdict_match`, its peculiarities included: a key that ends the
//! expression matches (`datacenter:rack`), with its case; `*:` at the front of what is left stands for any one key;
//! inside of what a key led to the delimiter is a colon again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use super::glob;
use super::pcre::Pcre;
use crate::value::path::{keys_of, traverse_map};
use crate::value::{Map, Value, python};

/// Steps after which data counts as not matching: expressions of many `*:` over deep data.
const MAX_STEPS: u32 = 100_000;
/// Deepest nesting that is followed.
const MAX_DEPTH: u32 = 64;

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Shell pattern.
    Glob,
    /// Regular expression from the start.
    Pcre,
    /// Equality.
    Exact,
}

/// A parsed expression over data.
#[derive(Debug, Clone)]
pub struct DataPattern {
    expr: String,
    delimiter: String,
    style: Style,
    /// The top keys it may look at; `None` for all.
    keys: Option<Vec<Value>>,
    /// What the rest of the expression from an offset is as a value; made when first needed.
    leaves: HashMap<usize, OnceLock<Leaf>>,
}

#[derive(Debug, Clone)]
enum Leaf {
    Text(String),
    Pcre(Pcre),
    /// Not a regular expression: matches nothing.
    Broken,
}

impl DataPattern {
    /// Parses an expression; `None` without a delimiter in it: a key alone says nothing.
    pub fn parse(expr: &str, delimiter: &str, style: Style) -> Option<Self> {
        if delimiter.is_empty() || !expr.contains(delimiter) {
            return None;
        }
        let behind = |separator: &str| -> Vec<usize> {
            let starts = expr.char_indices().map(|(at, _)| at).filter(|at| expr[*at..].starts_with(separator));
            starts.map(|at| at + separator.len()).collect()
        };
        let offsets = behind(delimiter).into_iter().chain(behind(":")).chain([0]);
        let leaves = offsets.map(|offset| (offset, OnceLock::new())).collect();
        let first = expr.split(delimiter).next().unwrap_or(expr);
        let keys = (first != "*").then(|| keys_of(first));
        Some(Self { expr: expr.to_owned(), delimiter: delimiter.to_owned(), style, keys, leaves })
    }

    /// True if nothing that may be the value is a regular expression although it should be one. A lone `*` is any key.
    pub fn is_broken(&self) -> bool {
        let mut starts = self.expr.match_indices(&self.delimiter).map(|(at, _)| at + self.delimiter.len());
        let broken = |start| &self.expr[start..] != "*" && matches!(self.leaf(start), Some(Leaf::Broken));
        self.style == Style::Pcre && starts.all(broken)
    }

    /// The top keys it may look at; `None` for all.
    pub fn keys(&self) -> Option<&[Value]> {
        self.keys.as_deref()
    }

    /// How it compares, and what separates the parts of a path.
    pub fn form(&self) -> (Style, &str) {
        (self.style, &self.delimiter)
    }

    /// True if the data has it.
    pub fn matches(&self, data: &Map) -> bool {
        let mut walk = Walk { pattern: self, steps: MAX_STEPS };
        !data.is_empty() && walk.split(data, 0, &self.delimiter, 0)
    }

    fn leaf(&self, offset: usize) -> Option<&Leaf> {
        let leaf = self.leaves.get(&offset)?;
        Some(leaf.get_or_init(|| {
            // The pattern loses its case like the value does; `\D` becomes `\d` by that, there as here.
            let text = self.expr[offset..].to_lowercase();
            match self.style {
                Style::Pcre => Pcre::new(&text).map_or(Leaf::Broken, Leaf::Pcre),
                Style::Glob | Style::Exact => Leaf::Text(text),
            }
        }))
    }
}

struct Walk<'p> {
    pattern: &'p DataPattern,
    steps: u32,
}

impl Walk<'_> {
    fn step(&mut self, depth: u32) -> bool {
        self.steps = self.steps.saturating_sub(1);
        self.steps > 0 && depth < MAX_DEPTH
    }

    /// Tries every split of what is left into a path and a value, the longest path first.
    fn split(&mut self, data: &Map, offset: usize, delimiter: &str, depth: u32) -> bool {
        let pattern = self.pattern;
        let rest = &pattern.expr[offset..];
        for (at, _) in rest.match_indices(delimiter).collect::<Vec<_>>().into_iter().rev() {
            if !self.step(depth) {
                return false;
            }
            if &rest[..at] == "*" {
                if self.mapping(data, offset, depth + 1) {
                    return true;
                }
                continue;
            }
            let value = offset + at + delimiter.len();
            let found = match traverse_map(data, &rest[..at], delimiter) {
                Some(Value::Map(map)) => !map.is_empty() && self.mapping(map, value, depth + 1),
                Some(Value::List(items)) => items.iter().any(|item| {
                    item.as_map().is_some_and(|map| self.mapping(map, value, depth + 1)) || self.leaf(item, value)
                }),
                Some(scalar) => self.leaf(scalar, value),
                None => false,
            };
            if found {
                return true;
            }
        }
        false
    }

    /// What is left of the expression against a mapping that a path led to.
    fn mapping(&mut self, map: &Map, offset: usize, depth: u32) -> bool {
        if !self.step(depth) {
            return false;
        }
        let rest = &self.pattern.expr[offset..];
        let any_key = rest.starts_with("*:");
        let offset = if any_key { offset + 2 } else { offset };
        let rest = &self.pattern.expr[offset..];
        if rest == "*" || map.contains(rest) || self.split(map, offset, ":", depth + 1) {
            return true;
        }
        any_key
            && map.values().any(|value| match value {
                Value::Map(inner) => self.mapping(inner, offset, depth + 1),
                Value::List(items) => items.iter().any(|item| self.leaf(item, offset)),
                scalar => self.leaf(scalar, offset),
            })
    }

    fn leaf(&mut self, value: &Value, offset: usize) -> bool {
        self.steps = self.steps.saturating_sub(1);
        if self.steps == 0 {
            return false;
        }
        let Some(leaf) = self.pattern.leaf(offset) else { return false };
        let text = lowered(value);
        match leaf {
            Leaf::Text(wanted) if self.pattern.style == Style::Exact => *wanted == *text,
            Leaf::Text(wanted) => glob::matches(wanted, &text),
            Leaf::Pcre(pcre) => pcre.matches(&text),
            Leaf::Broken => false,
        }
    }
}

/// A value as text without case, as Python's `str()` prints it.
fn lowered(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Str(text) if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) => {
            Cow::Borrowed(text)
        }
        Value::Str(text) => Cow::Owned(text.to_lowercase()),
        other => Cow::Owned(python::str_(other).to_lowercase()),
    }
}

impl fmt::Display for DataPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    const DATA: &str = "{a: {b: c, l: [x, {y: z}], n: {m: {o: P}}}, t: v, i: 5, e: {}, el: [], X: {Y: z},
        tup: [[q]], none: null, 5: five, 'sp ace': 'w:x', k: [{q: {r: s}}]}";

    /// Answers of the reference's `subdict_match` on this data.
    #[test]
    fn answers_as_the_reference() {
        let data = yaml::load(DATA, "t").expect("good").value;
        let data = data.as_map().expect("a mapping");
        let ask = |expr: &str, delimiter: &str, style| {
            DataPattern::parse(expr, delimiter, style).is_some_and(|pattern| pattern.matches(data))
        };
        for expr in [
            "*:b:c",
            "a:*:x",
            "a:*:m:o:p",
            "a:*",
            "*:*",
            "a:b",
            "X:Y",
            "tup:*q*",
            "i:5",
            "5:five",
            "a:l:y:z",
            "a:l:1:y:z",
            "a:l:*",
            "none:none",
            "*:v",
            "*:none",
            "sp ace:w:x",
            "sp ace:w*",
            "*:w:x",
            "a:n",
            "a:n:m",
            "a:n:*:o:p",
            "'t':v",
            "t :v",
            "a:l:y",
            "k:*:r:s",
        ] {
            assert!(ask(expr, ":", Style::Glob), "{expr}");
        }
        for expr in [
            "*:c", "*:x", "*:y:z", "a:*:o:p", "*:m:o:p", "*", "e:*", "el:*", "a:B", "A:b:c", "X:y", "X:y:z", "tup:q",
            "a:l:0", "t:v:", "a:n:*:p", "a:l:Y:z", "k:Q",
        ] {
            assert!(!ask(expr, ":", Style::Glob), "{expr}");
        }
        for (expr, wanted) in [
            ("a|b|c", true),
            ("*|b|c", false),
            ("a|*|x", false),
            ("a|l|y|z", true),
            ("k|q:r:s", true),
            ("k|*:r:s", true),
        ] {
            assert_eq!(ask(expr, "|", Style::Glob), wanted, "{expr}");
        }
        for (expr, wanted) in [
            ("a:b:c$", true),
            ("a:*", true),
            ("t:V", true),
            ("t:\\S", false),
            ("i:\\D", true),
            ("*:c|x", false),
            ("t:[", false),
        ] {
            assert_eq!(ask(expr, ":", Style::Pcre), wanted, "{expr}");
        }
        let any = DataPattern::parse("*:*", ":", Style::Glob).expect("a delimiter");
        assert!(any.matches(data) && !any.matches(&Map::new()));
        for (expr, wanted) in [("a:b:C", true), ("tup:['q']", true), ("t:*", false), ("a:*", true), ("a:l:x", true)] {
            assert_eq!(ask(expr, ":", Style::Exact), wanted, "{expr}");
        }
    }

    #[test]
    fn hostile_expressions_end_soon() {
        let data = yaml::load("{a: {b: {c: {d: {e: {f: {g: 1}}}}}}}", "t").expect("good").value;
        let pattern = DataPattern::parse(&("*:".repeat(2000) + "z"), ":", Style::Glob).expect("a delimiter");
        assert!(!pattern.matches(data.as_map().expect("a mapping")));
    }
}
