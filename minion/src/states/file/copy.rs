//! `file.copy`.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fleet_common::args;

use super::owner::{Mode, Resolved, Wanted, make_parents};
use super::text::named;
use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::fs::{Made, make_directory, plain, read_bounded};

args! {
    /// Arguments of `file.copy`.
    pub struct Copy {
        /// The copy.
        name: String,
        /// What is copied: a local file, or a directory with all below it.
        source: String,
        /// Replace what is there.
        force: bool = false,
        /// Make missing directories above it.
        makedirs: bool = false,
        /// Owner, group and mode as the source has them.
        preserve: bool = false,
        /// Owner.
        user: Option<String> = None,
        /// Group.
        group: Option<String> = None,
        /// Mode; that of the source when not given.
        mode: Option<Mode> = None,
        /// Mode of directories that are made.
        dir_mode: Option<Mode> = None,
        /// Put it into `name` when that is a directory.
        subdir: bool = false,
    }
}

/// Where the copy goes and whose it shall be.
#[derive(Debug, Clone)]
pub struct Todo {
    path: PathBuf,
    owner: Resolved,
}

impl State for Copy {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let (name, source) = (&self.name, Path::new(&self.source));
        let mut path = named(name, "copy")?;
        let Ok(meta) = source.metadata() else {
            return Err(Failure::new(format!("Source file \"{}\" is not present", self.source)));
        };
        let owner = if self.preserve {
            Resolved { uid: Some(meta.uid()), gid: Some(meta.gid()), mode: Some(meta.mode() & 0o7777) }
        } else {
            let mode = self.mode.as_ref().map_or(Ok(None), Mode::bits)?;
            Wanted { user: self.user.clone(), group: self.group.clone(), mode }.resolve()?
        };
        if self.subdir && path.is_dir() {
            path.push(source.file_name().unwrap_or_default());
        }
        let mut comment = format!("Copied \"{}\" to \"{name}\"", self.source);
        if path.symlink_metadata().is_ok() {
            if !self.force {
                let text = format!("The target file \"{}\" exists and will not be overwritten", path.display());
                return Ok(Plan::Nothing(Report::new(text)));
            }
            if same(source, &path) {
                comment.push_str(" - files are identical but force flag is set");
            }
        }
        let mut did = Report::new(comment).change(path.display().to_string(), self.source.as_str());
        if !self.preserve {
            did = self.owner_changes(did, &owner, &meta);
        }
        let would = Report::new(format!("File \"{}\" is set to be copied to \"{}\"", self.source, path.display()));
        Ok(Plan::Change { todo: Todo { path, owner }, would, did })
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let path = &todo.path;
        let failed = |error: std::io::Error| {
            let why = plain(&error);
            Failure::new(format!("Failed to copy \"{}\" to \"{}\": {why}", self.source, path.display()))
        };
        let parent = path.parent().unwrap_or(Path::new("/"));
        let mut made = Made::default();
        if !parent.is_dir() {
            if !self.makedirs {
                return Err(Failure::new(format!("The target directory {} is not present", parent.display())));
            }
            made = make_parents(path, &todo.owner, self.dir_mode.as_ref().map_or(Ok(None), Mode::bits)?)?;
        }
        put_copy(Path::new(&self.source), path).map_err(failed)?;
        made.keep();
        todo.owner.apply(path, true)?;
        Ok(Applied::AsPlanned)
    }
}

impl Copy {
    /// What is set beside the content: the copy is made as this process with the source's mode.
    fn owner_changes(&self, mut did: Report, owner: &Resolved, source: &std::fs::Metadata) -> Report {
        let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        if let Some(user) = self.user.as_ref().filter(|_| owner.uid.is_some_and(|uid| uid != own.0)) {
            did = did.change("user", user.as_str());
        }
        if let Some(group) = self.group.as_ref().filter(|_| owner.gid.is_some_and(|gid| gid != own.1)) {
            did = did.change("group", group.as_str());
        }
        if let Some(mode) = owner.mode.filter(|mode| *mode != source.mode() & 0o7777) {
            did = did.change("mode", super::owner::shown(mode));
        }
        did
    }
}

fn same(one: &Path, other: &Path) -> bool {
    let read = |path: &Path| read_bounded(path, super::source::MAX_FILE).ok();
    one.is_file() && other.is_file() && read(one).is_some_and(|bytes| read(other) == Some(bytes))
}

/// Removes a file, a link, or a directory with all below it.
pub(super) fn remove(path: &Path) -> std::io::Result<()> {
    let directory = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
    if directory { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }
}

/// Puts a copy in the place of whatever is there, which goes only once the copy is complete.
pub(super) fn put_copy(source: &Path, to: &Path) -> std::io::Result<()> {
    let (folder, name) = (to.parent().unwrap_or(Path::new("/")), to.file_name().unwrap_or_default());
    let beside = tempfile::Builder::new().prefix(".fleet-copy-").tempdir_in(folder)?;
    let fresh = beside.path().join(name);
    copy(source, &fresh)?;
    put(&fresh, to)
}

/// Moves within a file system to the place of whatever is there.
pub(super) fn put(from: &Path, to: &Path) -> std::io::Result<()> {
    let is_directory = |path: &Path| path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
    // Only a file takes the place of a file in one step.
    if is_directory(to) || (is_directory(from) && to.symlink_metadata().is_ok()) {
        remove(to)?;
    }
    std::fs::rename(from, to)
}

/// Copies a file with its mode, or a directory with all below it; links inside it stay links.
fn copy(source: &Path, to: &Path) -> std::io::Result<()> {
    if !source.is_dir() {
        return std::fs::copy(source, to).map(drop);
    }
    // Nobody reads the copy before it has the mode of its source; it may be there if another makes the same one.
    let permissions = source.metadata()?.permissions();
    make_directory(to, Some(permissions.mode()))?;
    std::fs::set_permissions(to, permissions)?;
    for entry in std::fs::read_dir(source)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&from)?, &to)?;
        } else {
            copy(&from, &to)?;
        }
    }
    Ok(())
}
