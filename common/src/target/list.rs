//! Lists of ids.

use std::collections::HashSet;
use std::fmt;

use super::id_glob::{IdGlob, has_range};
use crate::diag::Diagnostic;

/// The ids of a list. Blanks count: `a, b` names `a` and ` b`, as in the reference. Beyond it a semicolon separates,
/// too, and an entry may have ranges.
#[derive(Debug, Clone)]
pub struct List {
    expr: String,
    ids: HashSet<String>,
    ranges: Vec<IdGlob>,
}

impl List {
    /// The ids between commas.
    pub fn parse(expr: &str) -> Result<Self, Diagnostic> {
        let (mut ids, mut ranges) = (HashSet::new(), Vec::new());
        for entry in expr.split([',', ';']).filter(|entry| !entry.is_empty()) {
            // Everything but its ranges is meant as it stands.
            if has_range(entry) && !entry.contains(['*', '?']) {
                ranges.push(IdGlob::parse(entry)?);
            } else {
                ids.insert(entry.to_owned());
            }
        }
        Ok(Self { expr: expr.to_owned(), ids, ranges })
    }

    /// True if the id is in it.
    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains(id) || self.ranges.iter().any(|range| range.matches(id))
    }

    /// The ids it names one by one.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(String::as_str)
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expr)
    }
}
