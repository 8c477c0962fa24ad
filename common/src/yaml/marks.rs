//! Where each part of a document was written.

use crate::value::Value;

/// A position in a text; lines and columns (in characters) count from 1, 0 means "not known".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mark {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Mark {
    /// A mark from the parser's counts from 0.
    pub(super) fn from_zero(line: u64, column: u64) -> Self {
        let from_one = |count: u64| u32::try_from(count.saturating_add(1)).unwrap_or(u32::MAX);
        Self { line: from_one(line), column: from_one(column) }
    }
}

/// Marks of a value and everything in it: a tree parallel to the value.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    here: Mark,
    inside: Inside,
}

#[derive(Debug, Clone, Default)]
enum Inside {
    #[default]
    Scalar,
    List(Box<[Marks]>),
    /// The mark of the key and those of the value, in the order of the map's entries.
    Map(Box<[(Mark, Marks)]>),
}

impl Marks {
    pub(super) fn scalar(here: Mark) -> Self {
        Self { here, inside: Inside::Scalar }
    }
    pub(super) fn list(here: Mark, items: Vec<Self>) -> Self {
        Self { here, inside: Inside::List(items.into()) }
    }
    pub(super) fn map(here: Mark, entries: Vec<(Mark, Self)>) -> Self {
        Self { here, inside: Inside::Map(entries.into()) }
    }
    /// Where the value itself starts.
    pub fn here(&self) -> Mark {
        self.here
    }
    /// Where the key of a map entry starts; the value's own mark when there is no such entry.
    pub fn key(&self, index: usize) -> Mark {
        match &self.inside {
            Inside::Map(entries) => entries.get(index).map_or(self.here, |(key, _)| *key),
            _ => self.here,
        }
    }
    /// The marks of a list item or of the value of a map entry.
    pub fn child(&self, index: usize) -> Option<&Self> {
        match &self.inside {
            Inside::Scalar => None,
            Inside::List(items) => items.get(index),
            Inside::Map(entries) => entries.get(index).map(|(_, marks)| marks),
        }
    }
    /// Where a path of map keys and list indices leads in `value`: the last key, or the last item.
    pub fn at_path(&self, value: &Value, path: &[&str]) -> Option<Mark> {
        let Some((first, rest)) = path.split_first() else { return Some(self.here) };
        match value {
            Value::Map(map) => {
                let index = map.keys().position(|key| key.as_str() == Some(*first))?;
                let (_, inner) = map.get_index(index)?;
                if rest.is_empty() { Some(self.key(index)) } else { self.child(index)?.at_path(inner, rest) }
            }
            Value::List(items) => {
                let index = first.parse::<usize>().ok()?;
                self.child(index)?.at_path(items.get(index)?, rest)
            }
            _ => None,
        }
    }
}
