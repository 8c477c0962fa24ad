//! `file.rename`.

use std::path::{Path, PathBuf};

use fleet_common::args;

use super::copy::{put, put_copy, remove};
use super::text::{named, ready_parent};
use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::fs::plain;

args! {
    /// Arguments of `file.rename`.
    pub struct Rename {
        /// The new name.
        name: String,
        /// The name it has now.
        source: String,
        /// Replace what is there.
        force: bool = false,
        /// Make missing directories above it.
        makedirs: bool = false,
    }
}

impl State for Rename {
    type Todo = PathBuf;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<PathBuf>, Failure> {
        let (name, source) = (&self.name, &self.source);
        let path = named(name, "rename")?;
        if Path::new(source).symlink_metadata().is_err() {
            let text = format!("Source file \"{source}\" has already been moved out of place");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        if path.symlink_metadata().is_ok() && !self.force {
            let text = format!("The target file \"{name}\" exists and will not be overwritten");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        Ok(Plan::Change {
            todo: path,
            would: Report::new(format!("File \"{source}\" is set to be moved to \"{name}\"")),
            did: Report::new(format!("Moved \"{source}\" to \"{name}\"")).change(name.as_str(), source.as_str()),
        })
    }

    fn apply(&self, _act: &Act, path: PathBuf) -> Result<Applied, Failure> {
        let (name, source) = (&self.name, Path::new(&self.source));
        let missing = |parent: &Path| format!("The target directory {} is not present", parent.display());
        let made = ready_parent(&path, self.makedirs, missing)?;
        let failed = |error: std::io::Error| {
            Failure::new(format!("Failed to move \"{}\" to \"{name}\": {}", self.source, plain(&error)))
        };
        match put(source, &path) {
            // Another file system: copied there, then removed here.
            Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => {
                put_copy(source, &path).and_then(|()| remove(source)).map_err(failed)?;
            }
            other => other.map_err(failed)?,
        }
        made.keep();
        Ok(Applied::AsPlanned)
    }
}
