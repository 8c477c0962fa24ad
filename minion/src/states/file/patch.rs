//! `file.patch`, by the program `patch`.

use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::source::{self, Check};
use crate::cx::{Act, Look};
use crate::modules::cmd::split_words;
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::command::Command;
use crate::system::fs::plain;

args! {
    /// Arguments of `file.patch`.
    pub struct Patch {
        /// The file or directory to patch.
        name: String,
        /// The patch: `salt://…`, `https://…` or a local path.
        source: Option<String> = None,
        /// Checksum that a source outside the tree must have, or where a list of checksums is.
        source_hash: Option<String> = None,
        /// Name of the source in that list, when it is another.
        source_hash_name: Option<String> = None,
        /// Do not check it.
        skip_verify: bool = false,
        /// Template engine to render the patch with.
        template: Option<String> = None,
        /// Names for the template; they win over `defaults`.
        context: Option<Map> = None,
        /// Names for the template.
        defaults: Option<Map> = None,
        /// Options of patch.
        options: String = String::new(),
        /// Where parts that do not fit are written.
        reject_file: Option<String> = None,
        /// Leading directories to take from names in the patch.
        strip: Option<i64> = None,
    }
}

/// The file and the patch.
pub struct Todo {
    path: PathBuf,
    patch: Vec<u8>,
}

impl State for Patch {
    type Todo = Todo;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let path = PathBuf::from(&self.name);
        if self.name.is_empty() {
            return Err(Failure::new("A file/directory to be patched is required"));
        }
        if !path.is_absolute() {
            return Err(Failure::new(format!("{} is not an absolute path", self.name)));
        }
        if !path.exists() {
            return Err(Failure::new(format!("{} does not exist", self.name)));
        }
        let patch = self.content(look, run)?;
        let tried = self.execute(&path, &patch, &["-N", "--dry-run"])?;
        let todo = Todo { path, patch };
        if succeeded(&tried) {
            let changes: Map = [("retcode", Value::from(0))]
                .into_iter()
                .chain([("stdout", Value::from(format!("patching file {}", self.name))), ("stderr", Value::from(""))])
                .collect();
            return Ok(Plan::Change {
                todo,
                would: Report::new("The patch would be applied").changes(changes),
                did: Report::new("Patch successfully applied"),
            });
        }
        if succeeded(&self.execute(&todo.path, &todo.patch, &["-R", "-f", "--dry-run"])?) {
            return Ok(Plan::Nothing(Report::new("Patch was already applied")));
        }
        let output = fleet_common::value::json_dump::dumps(
            &Value::Map(tried),
            &fleet_common::value::json_dump::JsonOptions::indented(4),
        );
        Err(Failure::new(format!(
            "Patch would not apply cleanly, no changes made. Results of dry-run are below. Run state again using the \
             reject_file option to save rejects to a persistent file.\n\n{output}"
        )))
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let done = self.execute(&todo.path, &todo.patch, &["-N"])?;
        if succeeded(&done) {
            Ok(Applied::Really(Report::new("Patch successfully applied").changes(done)))
        } else {
            let said = |stream| done.get(stream).and_then(Value::as_str).unwrap_or_default();
            let text = format!("Failed to apply patch to {}: {} {}", self.name, said("stdout"), said("stderr"));
            Err(Failure(Report::new(text.trim_end()).changes(done)))
        }
    }
}

fn succeeded(answer: &Map) -> bool {
    answer.get("retcode").and_then(Value::as_int) == Some(0)
}

impl Patch {
    fn content(&self, look: &Look, run: &Run<'_>) -> Result<Vec<u8>, Failure> {
        let name = self.source.as_deref().ok_or_else(|| Failure::new("A source is required"))?;
        let missing = || Failure::new(format!("Source file {name} not found in saltenv '{}'", run.saltenv));
        let check = Check {
            name,
            hash: self.source_hash.as_deref(),
            hash_name: self.source_hash_name.as_deref(),
            skip: self.skip_verify,
            verify_ssl: None,
        };
        let fetched = source::fetch(look, &Value::from(name), run.saltenv, &check)?.ok_or_else(missing)?;
        match &self.template {
            None => Ok(fetched.bytes),
            Some(engine) => {
                let mut names = self.defaults.clone().unwrap_or_default();
                names.extend(self.context.clone().unwrap_or_default());
                source::render(look, engine, fetched.bytes, &fetched.path, run.saltenv, names)
            }
        }
    }

    /// Runs patch with the patch in a private file; parts that do not fit go nowhere unless they are asked for.
    fn execute(&self, path: &Path, patch: &[u8], how: &[&str]) -> Result<Map, Failure> {
        let failed = |why: String| Failure::new(format!("the patch cannot be tried: {why}"));
        let file = tempfile::NamedTempFile::new().map_err(|error| failed(plain(&error)))?;
        std::fs::write(file.path(), patch).map_err(|error| failed(plain(&error)))?;
        let mut words = vec!["patch".to_owned()];
        words.extend(how.iter().map(|word| (*word).to_owned()));
        words.extend(split_words(&self.options)?);
        words.extend(self.strip.map(|count| format!("-p{count}")));
        let reject = self.reject_file.as_deref().unwrap_or("-");
        words.extend(["-r", reject, "-i"].map(str::to_owned));
        words.push(file.path().display().to_string());
        if path.is_dir() {
            words.extend(["-d".to_owned(), self.name.clone()]);
        } else {
            words.push(self.name.clone());
        }
        let finished = Command::argv(words).run().map_err(|error| failed(error.to_string()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        Ok([
            ("retcode", Value::from(finished.status)),
            ("stdout", Value::from(text(&finished.stdout))),
            ("stderr", Value::from(text(&finished.stderr))),
        ]
        .into_iter()
        .collect())
    }
}
