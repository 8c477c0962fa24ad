//! Comparisons of values, beyond the reference: `G@kernelrelease>=2.6`, `G@num_cpus>4`, `G@os!=Debian`.

use std::cmp::Ordering;
use std::fmt;

use crate::value::path::{keys_of, traverse_map};
use crate::value::{Map, Value, python, version};

/// How a value must compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The longer first: `>=` is not `>`.
const OPERATORS: &[(&str, Operator)] = &[
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
];

/// A path, an operator and what to compare with.
#[derive(Debug, Clone)]
pub struct Comparison {
    path: String,
    delimiter: String,
    operator: Operator,
    operand: String,
    number: Option<f64>,
    keys: Vec<Value>,
}

impl Comparison {
    /// Reads a comparison; `None` for what is none. With a delimiter in it, text may also be the reference's
    /// `key:value`: then `<` and `>` count before a digit only.
    pub fn parse(expr: &str, delimiter: &str) -> Option<Self> {
        let at = expr.find(['<', '>', '=', '!'])?;
        let (path, rest) = expr.split_at(at);
        let (sign, operator) = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign))?;
        let operand = &rest[sign.len()..];
        if path.is_empty() || operand.is_empty() || path.contains(['*', '?', '[']) || path.ends_with(delimiter) {
            return None;
        }
        if path.contains(delimiter) && sign.len() == 1 && !operand.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        Some(Self {
            path: path.to_owned(),
            delimiter: delimiter.to_owned(),
            operator: *operator,
            operand: operand.to_owned(),
            number: number(operand),
            keys: keys_of(path.split(delimiter).next().unwrap_or(path)),
        })
    }

    /// True if the data has a value at the path that compares so; of a list, one of its values. Data without the
    /// path never matches, whatever the operator.
    pub fn matches(&self, data: &Map) -> bool {
        match traverse_map(data, &self.path, &self.delimiter) {
            None | Some(Value::Null | Value::Map(_)) => false,
            // Different from it is a list that does not have it.
            Some(Value::List(items)) if self.operator == Operator::NotEqual => {
                !items.is_empty() && items.iter().all(|item| self.holds(item))
            }
            Some(Value::List(items)) => items.iter().any(|item| self.holds(item)),
            Some(value) => self.holds(value),
        }
    }

    /// The top keys it looks at.
    pub fn keys(&self) -> &[Value] {
        &self.keys
    }

    /// What separates the parts of the path.
    pub fn delimiter(&self) -> &str {
        &self.delimiter
    }

    fn holds(&self, value: &Value) -> bool {
        let Some(order) = self.compare(value) else { return false };
        match self.operator {
            Operator::Equal => order == Ordering::Equal,
            Operator::NotEqual => order != Ordering::Equal,
            Operator::Less => order == Ordering::Less,
            Operator::LessOrEqual => order != Ordering::Greater,
            Operator::Greater => order == Ordering::Greater,
            Operator::GreaterOrEqual => order != Ordering::Less,
        }
    }

    /// Numbers as numbers, everything else as versions; what has no version in it, as text without case.
    fn compare(&self, value: &Value) -> Option<Ordering> {
        if let Value::Map(_) | Value::List(_) | Value::Null = value {
            return None;
        }
        let text = python::str_(value);
        if let (Value::Int(_) | Value::Float(_), Some(wanted)) = (value, self.number) {
            return number(&text)?.partial_cmp(&wanted);
        }
        let is_version = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        if is_version(&text) && is_version(&self.operand) {
            return Some(version::compare(&text, &self.operand));
        }
        Some(text.to_lowercase().cmp(&self.operand.to_lowercase()))
    }
}

/// A decimal number; not `inf`, `nan` or `1e5`, which are names here.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
    plain.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = OPERATORS.iter().find(|(_, operator)| *operator == self.operator).map_or("", |(sign, _)| *sign);
        write!(f, "{}{sign}{}", self.path, self.operand)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn numbers_versions_and_text() {
        let data = yaml::load(
            "{kernelrelease: 6.1.0-18-amd64, osrelease: '12', cpus: 16, load: 0.5, os: Debian, systemd: {version: '252'},
              roles: [web, db], sizes: [1, 20], none: null, on: true}",
            "t",
        );
        let data = data.expect("good").value;
        let data = data.as_map().expect("a mapping");
        let ask = |expr: &str| Comparison::parse(expr, ":").map(|comparison| comparison.matches(data));
        for expr in [
            "kernelrelease>=2.6",
            "kernelrelease>6.1.0-9",
            "kernelrelease<6.2",
            "osrelease>9",
            "osrelease==12.0",
            "cpus>=16",
            "cpus>8.5",
            "cpus<100",
            "load<1",
            "os==debian",
            "os!=Ubuntu",
            "systemd:version>=250",
            "systemd:version<253",
            "roles==web",
            "roles!=mail",
            "sizes>10",
            "on==True",
        ] {
            assert_eq!(ask(expr), Some(true), "{expr}");
        }
        for expr in [
            "kernelrelease<2.6",
            "cpus>16",
            "cpus!=16",
            "nosuch!=x",
            "nosuch<5",
            "none!=x",
            "roles!=web",
            "systemd!=x",
            "sizes>30",
            "os<3",
        ] {
            assert_eq!(ask(expr), Some(false), "{expr}");
        }
        for expr in ["os:Deb*", "os=x", "*>5", "a:b>c", "a:*<b>", ">=5", "os>=", "a:>5", "os"] {
            assert_eq!(ask(expr), None, "{expr}");
        }
    }
}
