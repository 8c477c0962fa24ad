//! `file.keyvalue`.

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::text::{Rewrite, named, read};
use crate::cx::{Act, Look};
use crate::edit::KeyValue;
use crate::states::{Applied, Failure, Plan, Report, Run, State};

args! {
    /// Arguments of `file.keyvalue`.
    pub struct Keyvalue {
        /// The file.
        name: String,
        /// The key.
        key: Option<String> = None,
        /// Its value.
        value: Value = Value::Null,
        /// Several keys and their values.
        key_values: Option<Map> = None,
        /// Between key and value.
        separator: String = "=".to_owned(),
        /// Add keys that are missing at the end.
        append_if_not_found: bool = false,
        /// Add keys that are missing at the beginning.
        prepend_if_not_found: bool = false,
        /// Only look; not supported.
        search_only: bool = false,
        /// Show the difference in the changes.
        show_changes: bool = true,
        /// A file that is not there is fine.
        ignore_if_missing: bool = false,
        /// How many lines a key may have; -1: all.
        count: i64 = 1,
        /// Signs to take from the start of lines first.
        uncomment: Option<String> = None,
        /// Keys are equal in any case.
        key_ignore_case: bool = false,
        /// Values are equal in any case.
        value_ignore_case: bool = false,
        /// Make the file if it is missing.
        create_if_missing: bool = false,
    }
}

impl State for Keyvalue {
    type Todo = Rewrite;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Rewrite>, Failure> {
        let name = &self.name;
        let path = named(name, "keyvalue")?;
        let pairs = self.pairs()?;
        if self.search_only {
            return Err(Failure::new("file.keyvalue: the argument 'search_only' is not supported yet"));
        }
        let there = path.is_file();
        if !there && !self.create_if_missing {
            let text = format!("unable to open {name}");
            return if self.ignore_if_missing { Ok(Plan::Nothing(Report::new(text))) } else { Err(Failure::new(text)) };
        }
        let old = if there { read(&path)? } else { String::new() };
        let edit = KeyValue {
            pairs: &pairs,
            separator: &self.separator,
            append: self.append_if_not_found || !there,
            prepend: self.prepend_if_not_found,
            count: self.count,
            uncomment: self.uncomment.as_deref(),
            key_ignore_case: self.key_ignore_case,
            value_ignore_case: self.value_ignore_case,
        };
        let done = edit.apply(&old);
        if done.lines == 0 {
            return Ok(Plan::Nothing(Report::default()));
        }
        let mut would = Report::new(format!("File {name} is set to be changed ({} lines)", done.lines));
        let mut did = Report::new(format!("Changed {} lines", done.lines));
        if self.show_changes {
            would.comment.push_str(&format!("\nPredicted diff:\n\r\t\t{}", done.diff.join("\r\t\t")));
            would = would.change("diff", done.diff.concat());
            did = did.change("diff", done.diff.concat());
        }
        Ok(Plan::Change { todo: Rewrite { path, text: done.text, backup: Value::Null }, would, did })
    }

    fn apply(&self, _act: &Act, todo: Rewrite) -> Result<Applied, Failure> {
        todo.apply()
    }
}

impl Keyvalue {
    fn pairs(&self) -> Result<Map, Failure> {
        match (&self.key, &self.value, &self.key_values) {
            (Some(_), value, Some(_)) if !value.is_null() => {
                Err(Failure::new("file.keyvalue can not combine key_values with key and value"))
            }
            (Some(key), value, _) if !value.is_null() => Ok([(key.as_str(), value.clone())].into_iter().collect()),
            (.., Some(pairs)) if !pairs.is_empty() => Ok(pairs.clone()),
            _ => Err(Failure::new("file.keyvalue key and value not supplied and key_values is empty")),
        }
    }
}
