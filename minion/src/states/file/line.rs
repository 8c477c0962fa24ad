//! `file.line`.

use fleet_common::args;
use fleet_common::value::Value;

use super::owner::{Mode, Wanted};
use super::text::{self, Rewrite, existing, named, read};
use crate::cx::{Act, Look};
use crate::edit::{LineEdit, Mode as How};
use crate::states::{Applied, Failure, Plan, Run, State};

args! {
    /// Arguments of `file.line`.
    pub struct Line {
        /// The file.
        name: String,
        /// The line.
        content: Option<String> = None,
        /// The line to replace or delete.
        match_: Option<String> = None,
        /// ensure, replace, delete or insert.
        mode: Option<String> = None,
        /// start or end, for insert.
        location: Option<String> = None,
        /// The line before which it goes.
        before: Option<String> = None,
        /// The line after which it goes.
        after: Option<String> = None,
        /// Show the difference in the changes.
        show_changes: bool = true,
        /// End of the name of a copy of the former file; false for none.
        backup: Value = Value::Bool(false),
        /// Not used here: a missing file fails.
        quiet: bool = false,
        /// Indent the line as its neighbour.
        indent: bool = true,
        /// Make the file if it is missing.
        create: bool = false,
        /// Owner of the file.
        user: Option<String> = None,
        /// Group of the file.
        group: Option<String> = None,
        /// Mode of the file.
        file_mode: Option<Mode> = None,
    }
}

impl State for Line {
    type Todo = Rewrite;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Rewrite>, Failure> {
        let path = if self.create { named(&self.name, "line")? } else { existing(&self.name, "line")? };
        let Some(name) = &self.mode else { return Err(Failure::new("Mode was not defined. How to process the file?")) };
        let mode = How::named(name).ok_or_else(|| Failure::new(format!("Unknown mode: \"{name}\"")))?;
        if self.content.is_none() && mode != How::Delete {
            return Err(Failure::new("Content can only be empty if mode is ['delete']"));
        }
        let old = if path.exists() { read(&path)? } else { String::new() };
        let edit = LineEdit {
            content: self.content.as_deref(),
            matching: self.match_.as_deref(),
            location: self.location.as_deref(),
            before: self.before.as_deref(),
            after: self.after.as_deref(),
            indent: self.indent,
        };
        let text = edit.apply(mode, &old)?;
        Ok(text::plan(&old, Rewrite { path, text, backup: self.backup.clone() }, self.show_changes, &text::CHANGES))
    }

    fn apply(&self, _act: &Act, todo: Rewrite) -> Result<Applied, Failure> {
        let mode = self.file_mode.as_ref().map_or(Ok(None), Mode::bits)?;
        let owner = Wanted { user: self.user.clone(), group: self.group.clone(), mode }.resolve()?;
        let applied = todo.apply()?;
        owner.apply(&todo.path, true)?;
        Ok(applied)
    }
}
