//! The cached files on disk, below `files/<environment>/<path>`, and those that are not whole yet.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fleet_common::digest::Digest;
use fleet_common::files::{FileStat, Opened, Version};
use rustix::fs::{AtFlags, FlockOperation, OFlags};

use super::below::{Below, NEW, PRIVATE, open_directory, random, rename};

/// Checksums that are remembered; beyond it all are forgotten and made again.
const REMEMBERED: usize = 50_000;

/// The files of the master that are on this machine.
pub struct Store {
    /// `files` of the cache directory.
    files: Below,
    /// `partial` of the cache directory: files that are not whole, named by their checksum.
    partial: PathBuf,
    sums: Mutex<HashMap<Version, [u8; 32]>>,
}

/// A file that is being brought.
pub struct Partial {
    /// What there is of it; the position is its end.
    pub file: File,
    name: String,
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Said aloud: a program that is just being started has a copy of the file for a moment, and with it the lock.
        let _unlocked = rustix::fs::flock(&self.file, FlockOperation::Unlock);
    }
}

impl Store {
    /// The cache below `cache_dir`; nothing is made yet.
    pub fn new(cache_dir: &Path) -> Self {
        Self { files: Below::new(cache_dir.join("files")), partial: cache_dir.join("partial"), sums: Mutex::default() }
    }

    /// Where a file is or would be; `None` for what leads out of the cache.
    pub fn path(&self, env: &str, path: &str) -> Option<PathBuf> {
        self.files.path(&joined(env, path))
    }

    /// A cached file, open; `None` when there is none.
    pub fn open(&self, env: &str, path: &str) -> Option<Opened> {
        self.files.open(&joined(env, path))
    }

    /// The checksum of a cached file, remembered as long as the file stays as it is.
    pub fn sum(&self, file: &Opened) -> Option<[u8; 32]> {
        let version = file.stat().version?;
        if let Some(sum) = self.sums().get(&version) {
            return Some(*sum);
        }
        let mut digest = Digest::new("sha256")?;
        file.pieces(|piece| {
            digest.update(piece);
            Ok(())
        })
        .ok()?;
        let sum = digest.finish().try_into().ok()?;
        self.remember(version, sum);
        Some(sum)
    }

    fn sums(&self) -> std::sync::MutexGuard<'_, HashMap<Version, [u8; 32]>> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, version: Version, sum: [u8; 32]) {
        let mut sums = self.sums();
        if sums.len() >= REMEMBERED {
            sums.clear();
        }
        sums.insert(version, sum);
    }

    /// The checksum of what is cached under this name.
    pub fn held(&self, env: &str, path: &str) -> Option<[u8; 32]> {
        self.sum(&self.open(env, path)?)
    }

    /// Takes a file away that the master no longer has.
    pub fn remove(&self, env: &str, path: &str) {
        // It may never have been there.
        let _ = self.files.remove(&joined(env, path));
    }

    /// Puts whole content under a name.
    pub fn put(&self, env: &str, path: &str, content: &[u8], sum: [u8; 32]) -> io::Result<()> {
        let file = self.files.write(&joined(env, path), |file| file.write_all(content))?;
        self.named(&file, sum)
    }

    /// Copies a file of a tree on this machine, unless it is the cached one itself. Where it is then.
    pub fn copy(&self, env: &str, path: &str, content: &Opened) -> io::Result<PathBuf> {
        let place = joined(env, path);
        let outside = || io::Error::new(io::ErrorKind::InvalidInput, format!("'{place}' leads out of the cache"));
        let local = self.files.path(&place).ok_or_else(outside)?;
        if !content.is(&local) {
            self.files.write(&place, |file| content.copy_to(file).map(drop))?;
        }
        Ok(local)
    }

    /// What there is of the content with this checksum, for one who brings it at a time.
    pub fn partial(&self, sum: &[u8]) -> io::Result<Partial> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.partial)?;
        let folder = open_directory(&self.partial)?;
        let name = fleet_common::digest::hex(sum);
        let file = File::from(rustix::fs::openat(&folder, &name, NEW, PRIVATE)?);
        let is_ours = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        // Whoever held the lock may have given the file its place in the meantime: then it is not to be touched.
        if is_ours && is_named(&folder, &name, &file)? {
            return Ok(Partial { file, name });
        }
        // Another process brings the same: this one begins anew beside it.
        let name = format!("{name}.{:016x}", random());
        Ok(Partial { file: File::from(rustix::fs::openat(&folder, &name, NEW | OFlags::EXCL, PRIVATE)?), name })
    }

    /// A partial file is whole: gives it its name.
    pub fn complete(&self, env: &str, path: &str, partial: &Partial, sum: [u8; 32]) -> io::Result<()> {
        let place = joined(env, path);
        let (folder, name) = self.files.place(&place, true)?;
        rename(&open_directory(&self.partial)?, &partial.name, &folder, name)?;
        self.named(&partial.file, sum)
    }

    /// Forgets what there is of a file.
    pub fn discard(&self, partial: &Partial) {
        drop(std::fs::remove_file(self.partial.join(&partial.name)));
    }

    /// Partial files that nobody went on with for a day are forgotten.
    pub fn sweep(&self) {
        const OLD: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
        for entry in std::fs::read_dir(&self.partial).into_iter().flatten().flatten() {
            let age = entry.metadata().and_then(|meta| meta.modified()).map(|at| at.elapsed().unwrap_or_default());
            if age.is_ok_and(|age| age > OLD) {
                drop(std::fs::remove_file(entry.path()));
            }
        }
    }

    /// Bytes that can still be written.
    pub fn room(&self) -> Option<u64> {
        let system = rustix::fs::statvfs(&self.partial).ok()?;
        Some(system.f_bavail.saturating_mul(system.f_frsize))
    }

    /// A finished file has its name: remembers its checksum.
    fn named(&self, file: &File, sum: [u8; 32]) -> io::Result<()> {
        if let Some(version) = FileStat::of(&rustix::fs::fstat(file)?).version {
            self.remember(version, sum);
        }
        Ok(())
    }
}

/// The place of a file below `files`; one of an environment that is a path has none.
fn joined(env: &str, path: &str) -> String {
    if env.contains('/') { String::new() } else { format!("{env}/{path}") }
}

/// True when a file still has this name.
fn is_named(folder: &OwnedFd, name: &str, file: &File) -> io::Result<bool> {
    let identity = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino);
    let own = identity(rustix::fs::fstat(file)?);
    Ok(rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|found| identity(found) == own))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn content_is_put_found_and_replaced_by_another_kind() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        store.put("base", "a/b", b"one", [1; 32]).unwrap();
        assert_eq!(store.held("base", "a/b"), Some([1; 32]), "remembered");
        assert_eq!(store.path("base", "a/b").unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        store.put("base", "a", b"two", [2; 32]).unwrap();
        assert_eq!(std::fs::read(dir.path().join("files/base/a")).unwrap(), b"two", "a directory became a file");
        store.put("base", "a/b/c", b"three", [3; 32]).unwrap();
        assert_eq!(store.held("base", "a/b/c"), Some([3; 32]), "a file became a directory");
        let left: Vec<_> = std::fs::read_dir(dir.path().join("files/base")).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing is left behind: {left:?}");
        std::fs::write(store.path("base", "a/b/c").unwrap(), "other").unwrap();
        assert_ne!(store.held("base", "a/b/c"), Some([3; 32]), "a change from outside is noticed");
        store.remove("base", "a/b/c");
        assert!(store.open("base", "a/b/c").is_none());
    }

    #[test]
    fn links_in_the_cache_lead_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("x"), "outside").unwrap();
        std::fs::create_dir_all(dir.path().join("files/base")).unwrap();
        symlink(outside.path(), dir.path().join("files/base/out")).unwrap();
        let store = Store::new(dir.path());
        assert!(store.open("base", "out/x").is_none());
        store.put("base", "out/x", b"mine", [1; 32]).unwrap();
        assert_eq!(std::fs::read(outside.path().join("x")).unwrap(), b"outside");
        assert_eq!(std::fs::read(dir.path().join("files/base/out/x")).unwrap(), b"mine");
        for (env, path) in [("base", "../x"), ("..", "x"), ("../..", "x"), ("a/b", "x"), ("", "x"), ("base", "/x")] {
            assert!(store.put(env, path, b"mine", [1; 32]).is_err() && store.path(env, path).is_none(), "{env} {path}");
        }
    }

    #[test]
    fn a_partial_file_is_found_again_and_kept_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let mut first = store.partial(&[7; 32]).unwrap();
        first.file.write_all(b"begun").unwrap();
        let mut second = store.partial(&[7; 32]).unwrap();
        let mut text = String::new();
        second.file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "", "somebody else's is not touched");
        store.discard(&second);
        drop(first);
        let mut again = store.partial(&[7; 32]).unwrap();
        again.file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "begun");
        store.complete("base", "whole", &again, [7; 32]).unwrap();
        assert_eq!(store.held("base", "whole"), Some([7; 32]));
        assert_eq!(std::fs::read_dir(dir.path().join("partial")).unwrap().count(), 0);
    }
}
