//! Targets of top files, of states and pillar alike.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Matcher, Subject};
use crate::call::Facts;
use crate::diag::Diagnostic;
use crate::proto::job::{Target, TargetKind};
use crate::value::{Map, Value};

/// The minion that a tree is compiled for, as targets see it.
pub struct Minion {
    id: String,
    grains: Arc<Map>,
    pillar: Arc<Map>,
}

impl Minion {
    /// What the facts say now.
    pub fn of(facts: &dyn Facts) -> Self {
        Self { id: facts.id().to_owned(), grains: facts.grains(), pillar: facts.pillar() }
    }

    /// True if a target of a top file means the minion. Its list says how to read it (`- match: grain`); without
    /// that it is a compound expression.
    pub fn is_meant(&self, target: &str, list: &[Value], nodegroups: &Map) -> Result<bool, Diagnostic> {
        Ok(read(target, list, nodegroups)?.matches(self))
    }
}

/// Reads a target of a top file with its list.
pub fn read(target: &str, list: &[Value], nodegroups: &Map) -> Result<Matcher, Diagnostic> {
    let word = list.iter().rev().filter_map(Value::as_map).find_map(|options| options.get("match"));
    let kind = match word {
        None => TargetKind::Compound,
        Some(Value::Str(word)) => match TargetKind::named(word)? {
            TargetKind::Data => {
                return Err(Diagnostic::user("minions keep no data store: '- match: data' means nobody"));
            }
            kind => kind,
        },
        Some(other) => return Err(Diagnostic::user(format!("a matcher is a word, not a {}", other.kind()))),
    };
    let target = Target { expr: target.to_owned(), kind, delimiter: ":".to_owned() };
    Matcher::parse(&target, nodegroups)
}

impl Subject for Minion {
    fn id(&self) -> &str {
        &self.id
    }
    fn grains(&self, _: Option<&[Value]>) -> Option<Cow<'_, Map>> {
        Some(Cow::Borrowed(&self.grains))
    }
    fn pillar(&self) -> Option<&Map> {
        Some(&self.pillar)
    }
}
