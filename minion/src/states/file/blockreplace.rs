//! `file.blockreplace`.

use fleet_common::args;
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::accumulated::collected;
use super::source::{Sources, texts};
use super::text::{self, Rewrite, existing, read};
use crate::cx::{Act, Look};
use crate::edit::block::{Absent, Block};
use crate::states::{Applied, Failure, Plan, Run, State};

args! {
    /// Arguments of `file.blockreplace`.
    pub struct Blockreplace {
        /// The file.
        name: String,
        /// The line that opens the block.
        marker_start: String = "#-- start managed zone --".to_owned(),
        /// The text that closes it.
        marker_end: String = "#-- end managed zone --".to_owned(),
        /// A file of the tree (or a local one) whose text is added to the content.
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
        /// What stands between; texts that `file.accumulated` collected for the file follow.
        content: Value = Value::from(""),
        /// Add the block at the end when it is not there.
        append_if_not_found: bool = false,
        /// Add the block at the beginning when it is not there.
        prepend_if_not_found: bool = false,
        /// End of the name of a copy of the former file; false for none.
        backup: Value = Value::from(".bak"),
        /// Show the difference in the changes.
        show_changes: bool = true,
        /// Put a line end behind the content; not given: where it has none.
        append_newline: Option<bool> = None,
        /// Add the block before the first line that matches.
        insert_before_match: Option<String> = None,
        /// Add the block after the first line that matches.
        insert_after_match: Option<String> = None,
    }
}

impl State for Blockreplace {
    type Todo = Rewrite;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Rewrite>, Failure> {
        let path = existing(&self.name, "blockreplace")?;
        let content = self.full_content(look, run)?;
        let failed =
            |why: String| Failure::new(format!("Encountered error managing block: {why}. See the log for details."));
        let block = Block {
            start: &self.marker_start,
            end: &self.marker_end,
            content: &content,
            append_newline: self.append_newline,
            absent: self.absent().map_err(|why| failed(why.to_owned()))?,
        };
        let old = read(&path).map_err(|failure| failed(failure.to_string()))?;
        let text = block.apply(&old).map_err(|error| failed(error.to_string()))?;
        Ok(text::plan(&old, Rewrite { path, text, backup: self.backup.clone() }, self.show_changes, &text::CHANGES))
    }

    fn apply(&self, _act: &Act, todo: Rewrite) -> Result<Applied, Failure> {
        todo.apply()
    }
}

impl Blockreplace {
    fn full_content(&self, look: &Look, run: &Run<'_>) -> Result<String, Failure> {
        let mut content = str_(&self.content);
        for line in collected(run, &self.name).values().flatten() {
            if !content.is_empty() {
                // The reference takes a content that ends a line as one line more.
                content.push('\n');
            }
            content.push_str(&str_(line));
        }
        let sources = Sources {
            one: self.source.as_deref(),
            several: &self.sources,
            template: self.template.as_deref(),
            hash: &self.source_hash,
            hashes: &self.source_hashes,
            defaults: self.defaults.as_ref(),
            context: self.context.as_ref(),
        };
        for text in texts(look, run, &sources)?.unwrap_or_default() {
            content.push_str(&text);
        }
        Ok(content)
    }

    fn absent(&self) -> Result<Absent, &'static str> {
        let places = (&self.insert_before_match, &self.insert_after_match);
        Ok(match (self.append_if_not_found, self.prepend_if_not_found, places) {
            (true, true, _) => return Err("Only one of append and prepend_if_not_found is permitted"),
            (.., (Some(_), Some(_))) => {
                return Err("Only one of insert_before_match and insert_after_match is permitted");
            }
            (_, true, _) => Absent::Prepend,
            (true, ..) => Absent::Append,
            (.., (Some(pattern), _)) => Absent::Before(pattern.clone()),
            (.., (_, Some(pattern))) => Absent::After(pattern.clone()),
            _ => Absent::Refuse,
        })
    }
}
