//! Target expressions: parsed once into a [`Matcher`], matched purely against what is known of a minion.
//!
//! Used by the minion for itself, by the master over what it knows, by top files and rules alike.

pub mod glob;
pub mod top;

use crate::diag::Diagnostic;
use crate::proto::job::{Target, TargetKind};
use crate::value::Map;

/// What is known of the minion that is matched.
pub trait Subject {
    /// Its id.
    fn id(&self) -> &str;
    /// Its grains; `None` when they are not known (then grain expressions match nobody).
    fn grains(&self) -> Option<&Map>;
    /// Its pillar; `None` when it is not known.
    fn pillar(&self) -> Option<&Map>;
}

/// A parsed expression.
#[derive(Debug, Clone)]
pub struct Matcher {
    target: Target,
}

impl Matcher {
    /// Parses an expression; `nodegroups` is the master's mapping of group names to compound expressions or lists.
    pub fn parse(target: &Target, nodegroups: &Map) -> Result<Self, Diagnostic> {
        let _ = nodegroups;
        match target.kind {
            TargetKind::Glob | TargetKind::List => Ok(Self { target: target.clone() }),
            other => Err(Diagnostic::user(format!("targets of kind {other:?} are not supported yet"))),
        }
    }

    /// True if the minion is meant.
    pub fn matches(&self, subject: &dyn Subject) -> bool {
        match self.target.kind {
            TargetKind::List => self.target.expr.split(',').any(|id| id.trim() == subject.id()),
            _ => self.target.expr == "*" || self.target.expr == subject.id(),
        }
    }

    /// True if the expression needs grains (the master then says how many minions have not reported theirs).
    pub fn needs_grains(&self) -> bool {
        false
    }
}
