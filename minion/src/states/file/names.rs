//! Patterns of names: `include_pat` and `exclude_pat`.

use fleet_common::pattern::{Flags, Pattern};
use fleet_common::target::glob;
use fleet_common::value::Value;

use crate::states::Failure;

/// Patterns, each a glob or `E@` and a regular expression.
#[derive(Debug, Clone, Default)]
pub struct Names {
    patterns: Vec<Name>,
}

#[derive(Debug, Clone)]
enum Name {
    Glob(String),
    Regex(Pattern),
}

impl Names {
    /// Reads one pattern or a list of them; `option` is for the message.
    pub fn parse(written: Option<&Value>, option: &str) -> Result<Self, Failure> {
        let texts: Vec<&str> = match written {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::List(items)) => items.iter().filter_map(Value::as_str).collect(),
            Some(value) => value.as_str().into_iter().collect(),
        };
        let patterns = texts.into_iter().map(|text| match text.strip_prefix("E@") {
            Some(pattern) => Pattern::new(pattern, Flags::default())
                .map(Name::Regex)
                .map_err(|error| Failure::new(format!("{option}: {error}"))),
            None => Ok(Name::Glob(text.to_owned())),
        });
        Ok(Self { patterns: patterns.collect::<Result<_, _>>()? })
    }

    /// True when there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// True if one of the patterns fits the path. One that takes too long does not.
    pub fn fit(&self, path: &str) -> bool {
        self.patterns.iter().any(|pattern| match pattern {
            Name::Glob(pattern) => glob::matches(pattern, path),
            Name::Regex(pattern) => pattern.search(path).unwrap_or(false),
        })
    }
}
