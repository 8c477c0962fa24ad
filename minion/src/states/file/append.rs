//! `file.append` and `file.prepend`.

use std::path::Path;

use fleet_common::args;
use fleet_common::diff::unified;
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::source::{Sources, texts};
use super::text::{Rewrite, existing, named, read, ready_parent};
use crate::cx::{Act, Look};
use crate::edit::{holds_pattern, holds_words, split_lines};
use crate::states::{Applied, Failure, Plan, Report, Run, State};

args! {
    /// Arguments of `file.append`.
    pub struct Append {
        /// The file.
        name: String,
        /// The lines: a text, or a list of texts.
        text: Value = Value::Null,
        /// Make missing directories above it.
        makedirs: bool = false,
        /// A file of the tree (or a local one) whose text is added.
        source: Option<String> = None,
        /// Checksum of a source outside the tree, or where a list of checksums is.
        source_hash: Value = Value::Null,
        /// Template engine for the sources.
        template: Option<String> = Some("jinja".to_owned()),
        /// Several sources.
        sources: Vec<String> = Vec::new(),
        /// Checksums of several sources.
        source_hashes: Value = Value::Null,
        /// Names for the template.
        defaults: Option<Map> = None,
        /// Names for the template; they win over `defaults`.
        context: Option<Map> = None,
        /// Blanks between words may differ when a text is looked for; else it is a pattern.
        ignore_whitespace: bool = true,
    }
}

args! {
    /// Arguments of `file.prepend`.
    pub struct Prepend {
        /// The file.
        name: String,
        /// The lines: a text, or a list of texts.
        text: Value = Value::Null,
        /// Make missing directories above it.
        makedirs: bool = false,
        /// A file of the tree (or a local one) whose text is added.
        source: Option<String> = None,
        /// Checksum of a source outside the tree, or where a list of checksums is.
        source_hash: Value = Value::Null,
        /// Template engine for the sources.
        template: Option<String> = Some("jinja".to_owned()),
        /// Several sources.
        sources: Vec<String> = Vec::new(),
        /// Checksums of several sources.
        source_hashes: Value = Value::Null,
        /// Names for the template.
        defaults: Option<Map> = None,
        /// Names for the template; they win over `defaults`.
        context: Option<Map> = None,
        /// The lines must be the first ones of the file, exactly.
        header: bool = false,
    }
}

/// What is to be written, and whether directories are to be made for it.
#[derive(Debug, Clone)]
pub struct Todo {
    rewrite: Rewrite,
    makedirs: bool,
}

/// The former text of the file; `None` when it is to be made.
fn former(name: &str, function: &str) -> Result<Option<String>, Failure> {
    let path = named(name, function)?;
    if path.exists() { Ok(Some(read(&existing(name, function)?)?)) } else { Ok(None) }
}

/// The texts as `str()` prints them; a missing argument is the text `None`, as in the reference.
fn chunks(text: &Value) -> Vec<String> {
    match text {
        Value::List(items) => items.iter().map(str_).collect(),
        other => vec![str_(other)],
    }
}

fn lines_of(chunk: &str) -> impl Iterator<Item = String> + '_ {
    chunk.lines().map(str::to_owned)
}

/// The dry run of a file that is to be made says only that, as in the reference.
fn planned(name: &str, old: Option<&str>, todo: Todo, would: Report, did: Report) -> Plan<Todo> {
    match old {
        None => {
            let would = Report::new(format!("File {name} is set to be created")).change("new", name);
            Plan::Change { todo, would, did }
        }
        Some(old) if old == todo.rewrite.text => Plan::Nothing(Report::new(format!("File {name} is in correct state"))),
        Some(_) => Plan::Change { todo, would, did },
    }
}

fn carry_out(todo: &Todo) -> Result<Applied, Failure> {
    let path = &todo.rewrite.path;
    let missing = |_: &Path| format!("{}: file not found", path.display());
    let made = ready_parent(path, todo.makedirs, missing)?;
    let applied = todo.rewrite.apply()?;
    made.keep();
    Ok(applied)
}

impl State for Append {
    type Todo = Todo;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = &self.name;
        let old = former(name, "append")?;
        let sources = Sources {
            one: self.source.as_deref(),
            several: &self.sources,
            template: self.template.as_deref(),
            hash: &self.source_hash,
            hashes: &self.source_hashes,
            defaults: self.defaults.as_ref(),
            context: self.context.as_ref(),
        };
        let chunks = texts(look, run, &sources)?.unwrap_or_else(|| chunks(&self.text));
        let before = old.as_deref().unwrap_or_default();
        let mut added = Vec::new();
        for chunk in &chunks {
            let there =
                if self.ignore_whitespace { holds_words(before, chunk)? } else { holds_pattern(before, chunk)? };
            if !there {
                added.extend(lines_of(chunk));
            }
        }
        let mut text = before.to_owned();
        if !added.is_empty() && !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        added.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        let diff = spaced(before, &text);
        let with = |comment: String| {
            let report = Report::new(comment);
            if diff.is_empty() { report } else { report.change("diff", diff.as_str()) }
        };
        let (would, did) =
            (with(format!("File {name} is set to be updated")), with(format!("Appended {} lines", added.len())));
        let rewrite = Rewrite { path: name.into(), text, backup: Value::Null };
        Ok(planned(name, old.as_deref(), Todo { rewrite, makedirs: self.makedirs }, would, did))
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        carry_out(&todo)
    }
}

impl State for Prepend {
    type Todo = Todo;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = &self.name;
        let old = former(name, "prepend")?;
        let sources = Sources {
            one: self.source.as_deref(),
            several: &self.sources,
            template: self.template.as_deref(),
            hash: &self.source_hash,
            hashes: &self.source_hashes,
            defaults: self.defaults.as_ref(),
            context: self.context.as_ref(),
        };
        let chunks = texts(look, run, &sources)?.unwrap_or_else(|| chunks(&self.text));
        let before = old.as_deref().unwrap_or_default();
        let mut added = Vec::new();
        for chunk in &chunks {
            if self.header || !holds_words(before, chunk)? {
                added.extend(lines_of(chunk));
            }
        }
        if self.header {
            let head: Vec<String> =
                split_lines(before).iter().take(added.len()).map(|line| line.trim_end().to_owned()).collect();
            if head == added {
                added.clear();
            }
        }
        let text: String = added.iter().map(|line| format!("{line}\n")).collect::<String>() + before;
        let diff = unified(before, &text, "", "");
        let with = |comment: String| Report::new(comment).change("diff", diff.as_str());
        let (would, did) =
            (with(format!("File {name} is set to be updated")), with(format!("Prepended {} lines", added.len())));
        let rewrite = Rewrite { path: name.into(), text, backup: Value::Null };
        Ok(planned(name, old.as_deref(), Todo { rewrite, makedirs: self.makedirs }, would, did))
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        carry_out(&todo)
    }
}

/// The difference as the reference's `file.append` shows it: lines without their ends, an empty line after headers.
fn spaced(old: &str, new: &str) -> String {
    let ended = |text: &str| text.lines().map(|line| format!("{line}\n")).collect::<String>();
    let diff = unified(&ended(old), &ended(new), "", "");
    let mut out = String::new();
    for (number, line) in diff.lines().enumerate() {
        out.push_str(line);
        out.push_str(if number < 2 || line.starts_with("@@") { "\n\n" } else { "\n" });
    }
    out.truncate(out.trim_end_matches('\n').len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_empty_lines_after_headers() {
        assert_eq!(spaced("one", "one\nfour\n"), "--- \n\n+++ \n\n@@ -1 +1,2 @@\n\n one\n+four");
    }
}
