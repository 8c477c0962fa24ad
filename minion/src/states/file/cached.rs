//! `file.cached` and `file.not_cached`.

use std::path::PathBuf;

use fleet_common::args;
use fleet_common::digest::hex_of_bytes;
use fleet_common::value::{Map, Value};

use super::source;
use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::fs::{WriteOptions, read_bounded, write_atomic};

args! {
    /// Arguments of `file.cached`.
    pub struct Cached {
        /// The file of the tree (`salt://…`), or a local one.
        name: String,
        /// Checksum that a local file must have.
        source_hash: String = String::new(),
        /// Name in a list of checksums; not used.
        source_hash_name: Option<String> = None,
        /// Do not check the checksum.
        skip_verify: bool = false,
        /// Environment of the file; the chunk's when not given.
        saltenv: Option<String> = None,
        /// For http only; not used.
        use_etag: bool = false,
    }
}

args! {
    /// Arguments of `file.not_cached`.
    pub struct NotCached {
        /// The file of the tree (`salt://…`).
        name: String,
        /// Environment of the file; the chunk's when not given.
        saltenv: Option<String> = None,
    }
}

/// The copy and its content.
pub struct Todo {
    path: PathBuf,
    content: Vec<u8>,
}

/// Where the cache keeps a source; `None` for one that has no place there.
fn place(look: &Look, name: &str, environment: &str) -> Option<PathBuf> {
    let (folder, path) = match name.strip_prefix("salt://") {
        Some(path) => ("files", path.split('?').next().unwrap_or(path)),
        None => ("localfiles", name.strip_prefix('/')?),
    };
    let clean = |path: &str| path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if !clean(path) || !clean(environment) || environment.contains('/') {
        return None;
    }
    let folder = look.cache_dir().join(folder);
    Some(if name.starts_with('/') { folder.join(path) } else { folder.join(environment).join(path) })
}

impl State for Cached {
    type Todo = Todo;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = &self.name;
        let failed = || Failure::new(format!("Failed to cache {name}, check minion log for more information"));
        let environment = self.saltenv.as_deref().unwrap_or(run.saltenv);
        let fetched = source::fetch(look, &Value::from(name.as_str()), environment);
        let fetched = fetched.map_err(|_| failed())?.ok_or_else(failed)?;
        if fetched.foreign && !self.skip_verify && !self.source_hash.is_empty() {
            source::verify(name, &fetched.bytes, &self.source_hash)?;
        }
        let path = place(look, name, environment).ok_or_else(failed)?;
        let old = read_bounded(&path, source::MAX_FILE).ok();
        let did = Report::new(format!("File is cached to {}", path.display()));
        if old.as_ref() == Some(&fetched.bytes) {
            return Ok(Plan::Nothing(did));
        }
        let sum = |bytes: &[u8]| hex_of_bytes("sha256", bytes).map_or(Value::Null, Value::from);
        let hash: Map =
            [("old", old.as_deref().map_or(Value::Null, sum)), ("new", sum(&fetched.bytes))].into_iter().collect();
        Ok(Plan::Change {
            todo: Todo { path, content: fetched.bytes },
            would: Report::new(format!("File will be cached: {name}")),
            did: did.change("hash", hash),
        })
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        use std::os::unix::fs::DirBuilderExt;
        let folder = todo.path.parent().unwrap_or(&todo.path);
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| Failure::new(format!("{}: {}", folder.display(), crate::system::fs::plain(&error))))?;
        let options = WriteOptions { mode: Some(0o600), ..WriteOptions::default() };
        let written = write_atomic(&todo.path, &todo.content, &options);
        written.map(|()| Applied::AsPlanned).map_err(|fault| Failure::new(fault.to_string()))
    }
}

impl State for NotCached {
    type Todo = PathBuf;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<PathBuf>, Failure> {
        let name = &self.name;
        let environment = self.saltenv.as_deref().unwrap_or(run.saltenv);
        let Some(path) = place(look, name, environment).filter(|path| path.exists()) else {
            return Ok(Plan::Nothing(Report::new(format!("{name} is not cached"))));
        };
        let shown = path.display().to_string();
        Ok(Plan::Change {
            todo: path,
            would: Report::new(format!("Local copy of {name} at {shown} would be removed")),
            did: Report::new(format!("{shown} was deleted")).change("local", format!("{shown} was deleted")),
        })
    }

    fn apply(&self, _act: &Act, path: PathBuf) -> Result<Applied, Failure> {
        let removed = std::fs::remove_file(&path);
        removed.map(|()| Applied::AsPlanned).map_err(|error| Failure::new(crate::system::fs::plain(&error)))
    }
}
