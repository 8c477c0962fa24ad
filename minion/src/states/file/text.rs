//! What the states that edit a file's text share: finding it, the plan of a new text, writing it.

use std::path::{Path, PathBuf};

use fleet_common::value::Value;

use super::difference::difference;
use super::owner::{Resolved, make_parents};
use crate::edit::EditError;
use crate::modules::file::{keep, store, text};
use crate::states::{Applied, Failure, Plan, Report};
use crate::system::fs::Made;

/// A new text for a file.
#[derive(Debug, Clone)]
pub struct Rewrite {
    /// The file.
    pub path: PathBuf,
    /// Its new text.
    pub text: String,
    /// End of the name of a copy of the former file; a false value makes none.
    pub backup: Value,
}

/// What an edit says of itself.
pub struct Wording {
    /// In a dry run.
    pub would: &'static str,
    /// When it was done.
    pub did: &'static str,
    /// When nothing is to be done.
    pub same: &'static str,
}

/// The words of most edits.
pub const CHANGES: Wording =
    Wording { would: "Changes would be made", did: "Changes were made", same: "No changes needed to be made" };

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        Self::new(error.to_string())
    }
}

/// The path of a state that needs an absolute one; `function` is for the message.
pub fn named(name: &str, function: &str) -> Result<PathBuf, Failure> {
    if name.is_empty() {
        return Err(Failure::new(format!("Must provide name to file.{function}")));
    }
    let path = PathBuf::from(name);
    if !path.is_absolute() {
        return Err(Failure::new(format!("Specified file {name} is not an absolute path")));
    }
    Ok(path)
}

/// As [`named`], and the file must be there.
pub fn existing(name: &str, function: &str) -> Result<PathBuf, Failure> {
    let path = named(name, function)?;
    if path.exists() { Ok(path) } else { Err(Failure::new(format!("{name}: file not found"))) }
}

/// The text of a file.
pub fn read(path: &Path) -> Result<String, Failure> {
    Ok(text(path)?)
}

/// The difference as changes show it, or only that there is one.
pub fn shown(old: &str, new: &str, show_changes: bool) -> Value {
    if show_changes { difference(old.as_bytes(), new.as_bytes()).into() } else { true.into() }
}

/// The plan of an edit from `old` to the new text.
pub fn plan(old: &str, rewrite: Rewrite, show_changes: bool, wording: &Wording) -> Plan<Rewrite> {
    if old == rewrite.text {
        return Plan::Nothing(Report::new(wording.same));
    }
    let diff = shown(old, &rewrite.text, show_changes);
    Plan::Change {
        todo: rewrite,
        would: Report::new(wording.would).change("diff", diff.clone()),
        did: Report::new(wording.did).change("diff", diff),
    }
}

impl Rewrite {
    /// Keeps the former file where that is asked for, and writes the new text.
    pub fn apply(&self) -> Result<Applied, Failure> {
        if self.path.exists() {
            keep(&self.path, &self.backup)?;
        }
        store(&self.path, &self.text)?;
        Ok(Applied::AsPlanned)
    }
}

/// Directories above a file are there, or are made where that is allowed.
pub fn ready_parent(path: &Path, makedirs: bool, missing: impl FnOnce(&Path) -> String) -> Result<Made, Failure> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    match (parent.is_dir(), makedirs) {
        (true, _) => Ok(Made::default()),
        (false, true) => make_parents(path, &Resolved::default(), None),
        (false, false) => Err(Failure::new(missing(parent))),
    }
}
