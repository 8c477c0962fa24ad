//! The cached files on disk, below `files/<environment>/<path>`, reached through the directory's handle only: no name
//! that a master sends leads out of it, whatever links somebody put there.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fleet_common::digest::Digest;
use fleet_common::files::{FileStat, Opened, Version};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Checksums that are remembered; beyond it all are forgotten and made again.
const REMEMBERED: usize = 50_000;
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);
const NEW: OFlags = OFlags::RDWR.union(OFlags::CREATE).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);
/// Only the minion reads its cache.
const PRIVATE: Mode = Mode::from_raw_mode(0o600);
const PRIVATE_DIRECTORY: Mode = Mode::from_raw_mode(0o700);

/// The files of the master that are on this machine.
pub struct Store {
    /// `files` of the cache directory.
    root: PathBuf,
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
        Self { root: cache_dir.join("files"), partial: cache_dir.join("partial"), sums: Mutex::default() }
    }

    /// Where a file is or would be.
    pub fn path(&self, env: &str, path: &str) -> PathBuf {
        self.root.join(env).join(path)
    }

    /// A cached file, open; `None` when there is none.
    pub fn open(&self, env: &str, path: &str) -> Option<Opened> {
        let root = rustix::fs::openat(CWD, &self.root, DIRECTORY, Mode::empty()).ok()?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat2(&root, format!("{env}/{path}"), flags, Mode::empty(), inside()).ok()?;
        let stat = rustix::fs::fstat(&file).ok()?;
        let stat = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file().then(|| FileStat::of(&stat))?;
        Some(Opened::on_disk(File::from(file), stat))
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
        let (folder, name) = split(env, path);
        if let Ok(folder) = self.folder(&folder, false) {
            // It may never have been there.
            let _ = rustix::fs::unlinkat(folder, name, AtFlags::empty());
        }
    }

    /// Puts whole content under a name.
    pub fn put(&self, env: &str, path: &str, content: &[u8], sum: [u8; 32]) -> io::Result<()> {
        let (folder, name) = split(env, path);
        let folder = self.folder(&folder, true)?;
        let temporary = format!(".{:016x}.new", random());
        let mut file = File::from(rustix::fs::openat(&folder, &temporary, NEW | OFlags::EXCL, PRIVATE)?);
        let put = file.write_all(content).and_then(|()| self.name(&folder, &temporary, &folder, name, &file, sum));
        if put.is_err() {
            let _ = rustix::fs::unlinkat(&folder, &temporary, AtFlags::empty());
        }
        put
    }

    /// What there is of the content with this checksum, for one who brings it at a time.
    pub fn partial(&self, sum: &[u8]) -> io::Result<Partial> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.partial)?;
        let folder = rustix::fs::openat(CWD, &self.partial, DIRECTORY, Mode::empty())?;
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
        let (folder, name) = split(env, path);
        let folder = self.folder(&folder, true)?;
        let from = rustix::fs::openat(CWD, &self.partial, DIRECTORY, Mode::empty())?;
        self.name(&from, &partial.name, &folder, name, &partial.file, sum)
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

    /// Renames a finished file and remembers its checksum.
    fn name(&self, from: &OwnedFd, old: &str, to: &OwnedFd, new: &str, file: &File, sum: [u8; 32]) -> io::Result<()> {
        match rustix::fs::renameat(from, old, to, new) {
            // What was a directory in the tree became a file.
            Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => {
                let aside = format!(".{:016x}.old", random());
                rustix::fs::renameat(to, new, to, &aside)?;
                rustix::fs::renameat(from, old, to, new)?;
                std::fs::remove_dir_all(descriptor(to).join(&aside))?;
            }
            renamed => renamed?,
        }
        if let Some(version) = FileStat::of(&rustix::fs::fstat(file)?).version {
            self.remember(version, sum);
        }
        Ok(())
    }

    /// The directory `env/a/b` of the cache, made when it is missing; a file in its way is removed.
    fn folder(&self, path: &str, make: bool) -> io::Result<OwnedFd> {
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let root = match rustix::fs::openat(CWD, &self.root, DIRECTORY, Mode::empty()) {
            Err(Errno::NOENT) if make => {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.root)?;
                rustix::fs::openat(CWD, &self.root, DIRECTORY, Mode::empty())?
            }
            root => root?,
        };
        match rustix::fs::openat2(&root, path, DIRECTORY, Mode::empty(), inside()) {
            Err(_) if make => {}
            opened => return Ok(opened?),
        }
        let mut folder = root;
        for part in path.split('/') {
            folder = match rustix::fs::openat(&folder, part, DIRECTORY, Mode::empty()) {
                Ok(next) => next,
                Err(error) => {
                    if matches!(error, Errno::NOTDIR | Errno::LOOP) {
                        rustix::fs::unlinkat(&folder, part, AtFlags::empty())?;
                    }
                    match rustix::fs::mkdirat(&folder, part, PRIVATE_DIRECTORY) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                    rustix::fs::openat(&folder, part, DIRECTORY, Mode::empty())?
                }
            };
        }
        Ok(folder)
    }
}

fn inside() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS
}

/// The directory in the cache, and the name in it.
fn split<'p>(env: &str, path: &'p str) -> (String, &'p str) {
    match path.rsplit_once('/') {
        Some((folder, name)) => (format!("{env}/{folder}"), name),
        None => (env.to_owned(), path),
    }
}

/// True when a file still has this name.
fn is_named(folder: &OwnedFd, name: &str, file: &File) -> io::Result<bool> {
    let identity = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino);
    let own = identity(rustix::fs::fstat(file)?);
    Ok(rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|found| identity(found) == own))
}

/// A handle as a path, for calls that take no handle.
fn descriptor(handle: &OwnedFd) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()))
}

fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
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
        assert_eq!(store.path("base", "a/b").metadata().unwrap().permissions().mode() & 0o777, 0o600);
        store.put("base", "a", b"two", [2; 32]).unwrap();
        assert_eq!(std::fs::read(dir.path().join("files/base/a")).unwrap(), b"two", "a directory became a file");
        store.put("base", "a/b/c", b"three", [3; 32]).unwrap();
        assert_eq!(store.held("base", "a/b/c"), Some([3; 32]), "a file became a directory");
        let left: Vec<_> = std::fs::read_dir(dir.path().join("files/base")).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing is left behind: {left:?}");
        std::fs::write(store.path("base", "a/b/c"), "other").unwrap();
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
        assert!(store.put("base", "../x", b"mine", [1; 32]).is_err());
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
