//! `file.symlink`.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fleet_common::args;

use super::owner::{Mode, Resolved, Wanted, make_parents};
use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::fs::{Made, plain};
use crate::system::user::Accounts;

args! {
    /// Arguments of `file.symlink`.
    pub struct Symlink {
        /// Where the link is.
        name: String,
        /// What it points to.
        target: String,
        /// Replace a file or an empty directory that is in the way.
        force: bool = false,
        /// Move what is in the way to this name.
        backupname: Option<String> = None,
        /// Make missing directories above it.
        makedirs: bool = false,
        /// Owner.
        user: Option<String> = None,
        /// Group.
        group: Option<String> = None,
        /// Mode of directories that are made.
        mode: Option<Mode> = None,
        /// Another name for `user`.
        owner: Option<String> = None,
    }
}

/// What is to be done for the link.
#[derive(Debug, Clone)]
pub struct Todo {
    path: PathBuf,
    resolved: Resolved,
    /// Something else (or another link) is in the way.
    replace: bool,
    /// The link is right, only its owner is not.
    owner_only: bool,
}

impl State for Symlink {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let (name, target) = (&self.name, &self.target);
        if name.is_empty() {
            return Err(Failure::new("Must provide name to file.symlink"));
        }
        let path = PathBuf::from(name);
        if !path.is_absolute() {
            return Err(Failure::new(format!("Specified file {name} is not an absolute path")));
        }
        let mode = self.mode.as_ref().map_or(Ok(None), Mode::bits)?;
        let wanted = Wanted { user: self.user.clone().or(self.owner.clone()), group: self.group.clone(), mode };
        let resolved = wanted.resolve()?;
        let owner = Resolved { mode: None, ..resolved };
        let mut todo = Todo { path: path.clone(), resolved, replace: false, owner_only: false };
        let did = Report::new(format!("Created new symlink {name} -> {target}")).change("new", name);
        match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_symlink() => {
                if std::fs::read_link(&path).is_ok_and(|now| now == Path::new(target)) {
                    return Ok(self.owned(&meta, &wanted, owner, todo));
                }
                todo.replace = true;
                let would = Report::new(format!("Link {name} target is set to be changed to {target}"));
                Ok(Plan::Change { todo, would: would.change("change", name), did })
            }
            Ok(meta) => self.in_the_way(meta.is_dir(), todo, did),
            Err(_) => {
                let parent = path.parent().unwrap_or(Path::new("/"));
                let mut text = format!("Symlink {name} to {target} is set for creation");
                if !parent.is_dir() {
                    let shown = parent.display();
                    text.push_str(&if self.makedirs {
                        format!("\n{shown} will be created")
                    } else {
                        format!("\nDirectory {shown} for symlink is not present")
                    });
                }
                Ok(Plan::Change { todo, would: Report::new(text).change("new", name), did })
            }
        }
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let path = &todo.path;
        let owner = Resolved { mode: None, ..todo.resolved };
        if todo.owner_only {
            owner.apply(path, false)?;
            return Ok(Applied::AsPlanned);
        }
        let parent = path.parent().unwrap_or(Path::new("/"));
        let mut made = Made::default();
        if !parent.is_dir() {
            if !self.makedirs {
                return Err(Failure::new(format!("Directory {} for symlink is not present", parent.display())));
            }
            made = make_parents(path, &todo.resolved, todo.resolved.mode)?;
        }
        let failed = |error: std::io::Error| {
            Failure::new(format!(
                "Unable to create new symlink {} -> {}: {}",
                self.name,
                self.target,
                worded(&error, path)
            ))
        };
        if let Some(backup) = self.backupname.as_ref().filter(|_| todo.replace) {
            std::fs::rename(path, path.with_file_name(backup)).map_err(failed)?;
        }
        // Made beside it and renamed over it, so that the name is never without a link.
        let mut temporary = parent.to_owned();
        temporary.push(format!(".{}.{}", path.file_name().unwrap_or_default().to_string_lossy(), std::process::id()));
        let _ = std::fs::remove_file(&temporary);
        std::os::unix::fs::symlink(&self.target, &temporary).map_err(failed)?;
        let placed = owner.apply(&temporary, false).and_then(|()| std::fs::rename(&temporary, path).map_err(failed));
        if placed.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        placed?;
        made.keep();
        Ok(Applied::AsPlanned)
    }
}

impl Symlink {
    fn owned(&self, meta: &std::fs::Metadata, wanted: &Wanted, owner: Resolved, mut todo: Todo) -> Plan<Todo> {
        let name = &self.name;
        let accounts = Accounts::system();
        let shown = |uid: u32, gid: u32| {
            let user = accounts.account_by_uid(uid).map_or_else(|| uid.to_string(), |account| account.name);
            let group = accounts.group_by_gid(gid).map_or_else(|| gid.to_string(), |group| group.name);
            format!("{user}:{group}")
        };
        let changes = wanted.changes(&owner, meta);
        if changes.is_empty() {
            let owner = shown(meta.uid(), meta.gid());
            let did = Report::new(format!("Symlink {name} is present and owned by {owner}"));
            return Plan::Same { would: Report::new(format!("The symlink {name} is present")), did };
        }
        let owner = shown(owner.uid.unwrap_or(meta.uid()), owner.gid.unwrap_or(meta.gid()));
        todo.owner_only = true;
        Plan::Change {
            todo,
            would: Report::new(format!("Ownership of symlink {name} is set to be changed to {owner}"))
                .change("ownership", owner.as_str()),
            did: Report::new(format!("Set ownership of symlink {name} to {owner}")).change("ownership", owner),
        }
    }

    fn in_the_way(&self, directory: bool, mut todo: Todo, did: Report) -> Result<Plan<Todo>, Failure> {
        let (name, target) = (&self.name, &self.target);
        if !self.force && self.backupname.is_none() {
            let kind = if directory { "Directory" } else { "File" };
            return Err(Failure::new(format!("{kind} exists where the symlink {name} should be")));
        }
        todo.replace = true;
        let text = match &self.backupname {
            Some(backup) => {
                format!("Symlink & backup target are set to be created: {name} -> {target}, backup {backup}")
            }
            None => format!(
                "The file or directory {name} is set for removal to make way for a new symlink targeting {target}"
            ),
        };
        Ok(Plan::Change { todo, would: Report::new(text), did })
    }
}

/// A system error as the reference words it, with its number and path.
fn worded(error: &std::io::Error, path: &Path) -> String {
    match error.raw_os_error() {
        Some(number) => format!("[Errno {number}] {}: '{}'", plain(error), path.display()),
        None => plain(error),
    }
}
