//! `file.touch`.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::Arguments;

use super::text::{named, ready_parent};
use crate::cx::Act;
use crate::states::{Failure, OpaqueState, Report, StateResult, Trigger};

args! {
    /// Arguments of `file.touch`.
    pub struct Touch {
        /// The file.
        name: String,
        /// Time of last access, seconds since 1970.
        atime: Option<i64> = None,
        /// Time of last change, seconds since 1970.
        mtime: Option<i64> = None,
        /// Make missing directories above it.
        makedirs: bool = false,
    }
}

/// Opaque, since without times every real run changes a file that a dry run calls right, as in the reference.
impl OpaqueState for Touch {
    fn would(&self, _act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        let (name, path) = (&self.name, self.path()?);
        let Ok(meta) = path.symlink_metadata() else {
            let report = Report::new(format!("File {name} is set to be created"));
            return Ok(StateResult::new(None, report.change("new", name.as_str())));
        };
        let differs = |wanted: Option<i64>, now: i64| wanted.is_some_and(|wanted| wanted != now);
        if differs(self.atime, meta.atime()) || differs(self.mtime, meta.mtime()) {
            let report = Report::new(format!("Times set to be updated on file {name}"));
            return Ok(StateResult::new(None, report.change("touched", name.as_str())));
        }
        let report = Report::new(format!("File {name} exists and has the correct times"));
        Ok(StateResult::new(Some(true), report.change("new", name.as_str())))
    }

    fn run(&self, act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        let (name, path) = (&self.name, self.path()?);
        let missing = |_: &Path| format!("Directory not present to touch file {name}");
        let made = ready_parent(&path, self.makedirs, missing)?;
        let (there, directory) = (path.exists(), path.is_dir());
        let mut arguments = Arguments::positional([name.as_str()]);
        for (key, time) in [("atime", self.atime), ("mtime", self.mtime)] {
            if let Some(time) = time {
                arguments.keyword.insert(key, time);
            }
        }
        act.run("file.touch", arguments)?;
        made.keep();
        let report = if there {
            let kind = if directory { "directory" } else { "file" };
            Report::new(format!("Updated times on {kind} {name}")).change("touched", name.as_str())
        } else {
            Report::new(format!("Created empty file {name}")).change("new", name.as_str())
        };
        Ok(StateResult::new(Some(true), report))
    }

    fn watches(&self) -> bool {
        false
    }
}

impl Touch {
    fn path(&self) -> Result<PathBuf, Failure> {
        named(&self.name, "touch")
    }
}
