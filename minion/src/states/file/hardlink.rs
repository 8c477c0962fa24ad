//! `file.hardlink`.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fleet_common::args;

use super::owner::{Mode, Wanted, make_parents};
use super::text::named;
use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::fs::{Made, plain};

args! {
    /// Arguments of `file.hardlink`.
    pub struct Hardlink {
        /// The new name of the file.
        name: String,
        /// The file.
        target: String,
        /// Replace a file that is in the way.
        force: bool = false,
        /// Make missing directories above it.
        makedirs: bool = false,
        /// Owner of directories that are made.
        user: Option<String> = None,
        /// Group of directories that are made.
        group: Option<String> = None,
        /// Mode of directories that are made.
        dir_mode: Option<Mode> = None,
    }
}

impl State for Hardlink {
    type Todo = PathBuf;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<PathBuf>, Failure> {
        let (name, target) = (&self.name, Path::new(&self.target));
        let path = named(name, "hardlink")?;
        if !target.is_absolute() {
            return Err(Failure::new(format!("Specified target {} is not an absolute path", self.target)));
        }
        let Ok(wanted) = target.metadata() else {
            return Err(Failure::new(format!("Target {} for hard link does not exist", self.target)));
        };
        for (path, meta) in [(target, Some(&wanted)), (&path, path.metadata().ok().as_ref())] {
            if meta.is_some_and(std::fs::Metadata::is_dir) {
                return Err(Failure::new(format!("Unable to hard link from directory {}", path.display())));
            }
        }
        let mut did = Report::new(format!("Created new hard link {name} -> {}", self.target));
        let would = match path.symlink_metadata() {
            Ok(now) if (now.dev(), now.ino()) == (wanted.dev(), wanted.ino()) => {
                let text = format!("Target of hard link {name} is already pointing to {}", self.target);
                return Ok(Plan::Nothing(Report::new(text)));
            }
            Ok(_) if !self.force => {
                return Err(Failure::new(format!("File exists where the hard link {name} should be")));
            }
            Ok(_) => {
                did = did.change("forced", "File for hard link was forcibly replaced");
                Report::new(format!(
                    "The file or directory {name} is set for removal to make way for a new hard link targeting {}",
                    self.target
                ))
            }
            Err(_) => Report::new(format!("Hard link {name} to {} is set for creation", self.target))
                .change("new", name.as_str()),
        };
        Ok(Plan::Change { todo: path, would, did: did.change("new", name.as_str()) })
    }

    fn apply(&self, _act: &Act, path: PathBuf) -> Result<Applied, Failure> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        let mut made = Made::default();
        if !parent.is_dir() {
            if !self.makedirs {
                return Err(Failure::new(format!("Directory {} for hard link is not present", parent.display())));
            }
            let mode = self.dir_mode.as_ref().map_or(Ok(None), Mode::bits)?;
            let owner = Wanted { user: self.user.clone(), group: self.group.clone(), mode: None }.resolve()?;
            made = make_parents(&path, &owner, mode)?;
        }
        let failed = |error: std::io::Error| {
            Failure::new(format!("Unable to create new hard link {} -> {}: {}", self.name, self.target, plain(&error)))
        };
        // Made beside it and renamed over it, so that the name is never without a file.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = parent.join(format!(".{name}.{}", std::process::id()));
        let _ = std::fs::remove_file(&beside);
        std::fs::hard_link(&self.target, &beside).map_err(failed)?;
        let placed = std::fs::rename(&beside, &path);
        if placed.is_err() {
            let _ = std::fs::remove_file(&beside);
        }
        placed.map_err(failed)?;
        made.keep();
        Ok(Applied::AsPlanned)
    }
}
