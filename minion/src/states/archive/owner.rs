//! Owner and group of what was unpacked.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::states::Failure;
use crate::system::archive::inside::own_all;
use crate::system::fs::plain;
use crate::system::user::Accounts;

/// The ids that everything shall have.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ids {
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

impl Ids {
    /// The ids of a user and a group, given by name or number.
    pub fn of(user: Option<&str>, group: Option<&str>) -> Result<Self, Failure> {
        let accounts = Accounts::system();
        let uid = user.filter(|user| !user.is_empty()).map(|user| {
            let found = user.parse().ok().or_else(|| accounts.account(user).map(|account| account.uid));
            found.ok_or_else(|| Failure::new(format!("User {user} does not exist")))
        });
        let gid = group.filter(|group| !group.is_empty()).map(|group| {
            let found = group.parse().ok().or_else(|| accounts.group(group).map(|group| group.gid));
            found.ok_or_else(|| Failure::new(format!("Group {group} does not exist")))
        });
        Ok(Self { uid: uid.transpose()?, gid: gid.transpose()? })
    }

    /// Everything at and below these paths that has another owner, and those of the paths that are not there.
    ///
    /// Links are not followed.
    pub fn differing(self, tops: &[PathBuf]) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let (mut differing, mut missing) = (Vec::new(), Vec::new());
        if self.uid.is_none() && self.gid.is_none() {
            return (differing, missing);
        }
        for top in tops {
            match std::fs::symlink_metadata(top) {
                Ok(_) => self.walk(top, &mut differing),
                Err(_) => missing.push(top.clone()),
            }
        }
        (differing, missing)
    }

    fn walk(self, path: &Path, differing: &mut Vec<PathBuf>) {
        let Ok(meta) = std::fs::symlink_metadata(path) else { return };
        if self.uid.is_some_and(|uid| uid != meta.uid()) || self.gid.is_some_and(|gid| gid != meta.gid()) {
            differing.push(path.to_owned());
        }
        if meta.is_dir() {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries.for_each(|entry| self.walk(&entry.path(), differing));
        }
    }

    /// Sets the owner of everything at and below these paths; true if anything had another.
    pub fn set(self, tops: &[PathBuf]) -> Result<bool, Failure> {
        let (mut failed, mut differed) = (Vec::new(), false);
        for path in tops.iter().filter(|_| self.uid.is_some() || self.gid.is_some()) {
            match own_all(path, self.uid, self.gid) {
                Ok(changed) => differed |= changed,
                Err(error) => failed.push(format!("- {}: {}", path.display(), plain(&error))),
            }
        }
        if failed.is_empty() {
            return Ok(differed);
        }
        Err(Failure::new(format!("The owner of these paths could not be changed:\n\n{}", failed.join("\n"))))
    }
}
