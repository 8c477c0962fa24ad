//! `file.replace`.

use fleet_common::args;
use fleet_common::value::Value;

use super::text::{self, Rewrite, Wording, existing, named, read};
use crate::cx::{Act, Look};
use crate::edit::{Missing, Replace};
use crate::modules::file::flags;
use crate::states::{Applied, Failure, Plan, Report, Run, State};

args! {
    /// Arguments of `file.replace`.
    pub struct Replacing {
        /// The file.
        name: String,
        /// The pattern.
        pattern: String,
        /// What it is replaced by: `\1` and `\g<name>` stand for groups.
        repl: Value,
        /// At most so many (0: all).
        count: i64 = 0,
        /// Names or number of Python's flags.
        flags: Value = Value::from(8),
        /// Not used: files are read whole.
        bufsize: Value = Value::from(1),
        /// Add the content at the end when the pattern is not found.
        append_if_not_found: bool = false,
        /// Add the content at the beginning when the pattern is not found.
        prepend_if_not_found: bool = false,
        /// What is added; the replacement when not given.
        not_found_content: Option<String> = None,
        /// End of the name of a copy of the former file; false for none.
        backup: Value = Value::from(".bak"),
        /// Show the difference in the changes.
        show_changes: bool = true,
        /// A file that is not there is fine.
        ignore_if_missing: bool = false,
        /// Backslashes in the replacement are themselves.
        backslash_literal: bool = false,
    }
}

const WORDING: Wording = Wording { would: "Changes would have been made", ..text::CHANGES };

impl State for Replacing {
    type Todo = Rewrite;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Rewrite>, Failure> {
        if self.ignore_if_missing && !named(&self.name, "replace")?.exists() {
            return Ok(Plan::Nothing(Report::new(WORDING.same)));
        }
        let path = existing(&self.name, "replace")?;
        let missing = match (self.append_if_not_found, self.prepend_if_not_found) {
            (true, true) => return Err(Failure::new("Only one of append and prepend_if_not_found is permitted")),
            (true, _) => Missing::Append,
            (_, true) => Missing::Prepend,
            _ => Missing::Leave,
        };
        let old = read(&path)?;
        let replacement = fleet_common::value::python::str_(&self.repl);
        let edit = Replace {
            pattern: &self.pattern,
            flags: flags(&self.flags)?,
            replacement: &replacement,
            literal: self.backslash_literal,
            count: usize::try_from(self.count).unwrap_or(0),
            missing,
            not_found_content: self.not_found_content.as_deref(),
        };
        let text = edit.apply(&old)?.text;
        Ok(text::plan(&old, Rewrite { path, text, backup: self.backup.clone() }, self.show_changes, &WORDING))
    }

    fn apply(&self, _act: &Act, todo: Rewrite) -> Result<Applied, Failure> {
        todo.apply()
    }
}
