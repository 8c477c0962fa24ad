//! `file.absent`.

use std::path::{Path, PathBuf};

use fleet_common::args;

use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::fs::plain;

args! {
    /// Arguments of `file.absent`.
    pub struct Absent {
        /// The path.
        name: String,
    }
}

impl State for Absent {
    type Todo = PathBuf;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<PathBuf>, Failure> {
        let name = &self.name;
        if name.is_empty() {
            return Err(Failure::new("Must provide name to file.absent"));
        }
        let path = Path::new(name);
        if !path.is_absolute() {
            return Err(Failure::new(format!("Specified file {name} is not an absolute path")));
        }
        if path == Path::new("/") {
            return Err(Failure::new("Refusing to make \"/\" absent"));
        }
        let Ok(meta) = std::fs::symlink_metadata(path) else {
            return Ok(Plan::Nothing(Report::new(format!("File {name} is not present"))));
        };
        let kind = if meta.is_dir() { ("Directory", "directory") } else { ("File", "file") };
        Ok(Plan::Change {
            todo: path.to_owned(),
            would: Report::new(format!("{} {name} is set for removal", kind.0)).change("removed", name),
            did: Report::new(format!("Removed {} {name}", kind.1)).change("removed", name),
        })
    }

    fn apply(&self, _act: &Act, path: PathBuf) -> Result<Applied, Failure> {
        let directory = std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir());
        let removed = if directory { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::new(format!("{}: {}", path.display(), plain(&error))))
            }
            _ => Ok(Applied::AsPlanned),
        }
    }
}
