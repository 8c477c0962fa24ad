//! Lists of ids.

use std::collections::HashSet;

/// The ids of a list. Blanks count: `a, b` names `a` and ` b`, as in the reference.
#[derive(Debug, Clone)]
pub struct List {
    ids: HashSet<String>,
}

impl List {
    /// The ids between commas.
    pub fn parse(expr: &str) -> Self {
        Self { ids: expr.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect() }
    }

    /// True if the id is in it.
    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }
}
