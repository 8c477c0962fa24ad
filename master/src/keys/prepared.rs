//! A new key's file, on its disk before anybody waits for it: under the lock it only gets its name. So the disk takes
//! many at the same time, and a file is there whole or not at all.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};
use rustix::io::Errno;

/// A file without a name.
pub(super) struct Prepared(File);

impl Prepared {
    /// Writes one on the file system of `root`; `None` when that knows no such files, or failed: whoever needs the file
    /// writes it in the usual way then, and learns why it can't be.
    pub(super) fn write(root: &Path, text: &str) -> Option<Self> {
        let how = OFlags::WRONLY.union(OFlags::TMPFILE).union(OFlags::CLOEXEC);
        let mut file = File::from(openat(CWD, root, how, Mode::from_raw_mode(0o644)).ok()?);
        file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).ok()?;
        Some(Self(file))
    }

    /// Gives it its name in a folder; fails when there is something of that name.
    pub(super) fn name(&self, place: &OwnedFd, name: &str) -> Result<(), Errno> {
        let own = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        linkat(CWD, own, place, name, AtFlags::SYMLINK_FOLLOW)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn it_appears_whole_under_its_name_and_replaces_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let place = OwnedFd::from(File::open(dir.path()).unwrap());
        let Some(prepared) = Prepared::write(dir.path(), "key") else { return };
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        prepared.name(&place, "web1").unwrap();
        assert_eq!(prepared.name(&place, "web1"), Err(Errno::EXIST));
        let path = dir.path().join("web1");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "key");
        assert_eq!(path.metadata().unwrap().mode() & 0o133, 0);
        assert!(Prepared::write(&dir.path().join("nowhere"), "key").is_none());
    }
}
