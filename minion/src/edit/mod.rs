//! Editing texts line by line, as `file.line`, `file.replace`, `file.blockreplace` and `file.comment` do.
//!
//! Pure: a text goes in, the edited text comes out. Execution functions and states share it.

pub mod block;
mod comment;
mod ini;
mod keyvalue;
mod line;
mod lines;
mod replace;
mod words;

pub use comment::{Comment, Commented};
pub use ini::Ini;
pub use keyvalue::{Changed, KeyValue};
pub use line::{LineEdit, Mode};
pub use lines::split_lines;
pub use replace::{Missing, Replace, Replaced};
pub use words::{holds_pattern, holds_words};

/// Why a text cannot be edited. The texts are those of the reference where it has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A pattern does not work.
    #[error(transparent)]
    Pattern(#[from] fleet_common::pattern::PatternError),
    /// The conditions contradict the text or each other.
    #[error("{0}")]
    Condition(String),
}
