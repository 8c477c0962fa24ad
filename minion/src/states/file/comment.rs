//! `file.comment` and `file.uncomment`.

use fleet_common::args;
use fleet_common::pattern::{Flags, Pattern};
use fleet_common::value::Value;

use super::text::{Rewrite, existing, read, shown};
use crate::cx::{Act, Look};
use crate::edit::{Comment, holds_pattern};
use crate::states::{Applied, Failure, Plan, Report, Run, State};

args! {
    /// Arguments of `file.comment`.
    pub struct Commenting {
        /// The file.
        name: String,
        /// The pattern of the lines.
        regex: String,
        /// The comment sign.
        char: String = "#".to_owned(),
        /// End of the name of a copy of the former file; false for none.
        backup: Value = Value::from(".bak"),
        /// A pattern that is nowhere in the file is fine.
        ignore_missing: bool = false,
    }
}

args! {
    /// Arguments of `file.uncomment`.
    pub struct Uncommenting {
        /// The file.
        name: String,
        /// The pattern of the lines.
        regex: String,
        /// The comment sign.
        char: String = "#".to_owned(),
        /// End of the name of a copy of the former file; false for none.
        backup: Value = Value::from(".bak"),
    }
}

/// The plan of the edit. A dry run names the file in its changes, not the difference, as in the reference.
fn planned(
    path: std::path::PathBuf,
    old: &str,
    edit: Comment<'_>,
    backup: &Value,
    failed: &str,
) -> Result<Plan<Rewrite>, Failure> {
    let name = path.display().to_string();
    let Some(done) = edit.apply(old)? else { return Err(Failure::new(failed)) };
    let did = if edit.comment { "Commented lines successfully" } else { "Uncommented lines successfully" };
    let did = Report::new(did).change("diff", shown(old, &done.text, true));
    Ok(Plan::Change {
        todo: Rewrite { path, text: done.text, backup: backup.clone() },
        would: Report::new(format!("File {name} is set to be updated")).change(name.as_str(), "updated"),
        did,
    })
}

impl State for Commenting {
    type Todo = Rewrite;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Rewrite>, Failure> {
        let path = existing(&self.name, "comment")?;
        let old = read(&path)?;
        let free = unanchored(&self.regex)?;
        if !holds_pattern(&old, &format!(r"^(?!\s*{}).*{free}", self.char))? {
            return if holds_pattern(&old, &format!("{}{free}", self.char))? {
                Ok(Plan::Nothing(Report::new("Pattern already commented")))
            } else if self.ignore_missing {
                Ok(Plan::Nothing(Report::new("Pattern not found and ignore_missing set to True")))
            } else {
                Err(Failure::new(format!("{free}: Pattern not found")))
            };
        }
        let edit = Comment { regex: &self.regex, sign: &self.char, comment: true };
        planned(path, &old, edit, &self.backup, "Expected commented lines not found")
    }

    fn apply(&self, _act: &Act, todo: Rewrite) -> Result<Applied, Failure> {
        todo.apply()
    }
}

impl State for Uncommenting {
    type Todo = Rewrite;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Rewrite>, Failure> {
        let path = existing(&self.name, "uncomment")?;
        let old = read(&path)?;
        let free = self.regex.trim_start_matches('^');
        if !holds_pattern(&old, &format!(r"{}[ \t]*{free}", self.char))? {
            return if holds_pattern(&old, &format!(r"^[ \t]*{free}"))? {
                Ok(Plan::Nothing(Report::new("Pattern already uncommented")))
            } else {
                Err(Failure::new(format!("{}: Pattern not found", self.regex)))
            };
        }
        let edit = Comment { regex: &self.regex, sign: &self.char, comment: false };
        planned(path, &old, edit, &self.backup, "Expected uncommented lines not found")
    }

    fn apply(&self, _act: &Act, todo: Rewrite) -> Result<Applied, Failure> {
        todo.apply()
    }
}

/// A pattern without a leading flag group and without anchors at its ends.
fn unanchored(regex: &str) -> Result<String, Failure> {
    let flags = Pattern::new(r"^\(\?[iLmsux]\)", Flags::default()).and_then(|pattern| pattern.matches_start(regex));
    let rest = if flags.is_ok_and(|found| found) { &regex[4..] } else { regex };
    let rest = rest.strip_prefix('^').unwrap_or(rest);
    Ok(rest.strip_suffix('$').unwrap_or(rest).to_owned())
}
