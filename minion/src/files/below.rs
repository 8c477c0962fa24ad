//! Files below a directory of the minion, reached through its handle only: no name that a master sends leads out of it,
//! whatever links somebody puts there, and whenever.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use fleet_common::files::{FileStat, Opened};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);
pub(super) const NEW: OFlags = OFlags::RDWR.union(OFlags::CREATE).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);
/// Only the minion reads what is below.
pub(super) const PRIVATE: Mode = Mode::from_raw_mode(0o600);
const PRIVATE_DIRECTORY: Mode = Mode::from_raw_mode(0o700);

/// One file below a directory, which is there or not.
#[derive(Debug, Clone)]
pub struct Spot {
    /// The directory.
    pub below: Below,
    /// The file's path from there.
    pub name: String,
    /// The whole path, for those who are told.
    pub path: PathBuf,
}

/// A directory of the minion and what is below it.
#[derive(Debug, Clone)]
pub struct Below {
    root: PathBuf,
}

impl Below {
    /// Below `root`; nothing is made yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where a file is or would be, for those who are told; `None` for a path that leads out, or to the root itself.
    pub fn path(&self, path: &str) -> Option<PathBuf> {
        is_clean(path).then(|| self.root.join(path))
    }

    /// A file's place; `None` for a path that leads out.
    pub fn spot(self, name: String) -> Option<Spot> {
        let path = self.path(&name)?;
        Some(Spot { below: self, name, path })
    }

    /// A regular file, open; `None` when there is none.
    pub fn open(&self, path: &str) -> Option<Opened> {
        let root = self.root(false).ok()?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat2(&root, path, flags, Mode::empty(), inside()).ok()?;
        let stat = rustix::fs::fstat(&file).ok()?;
        let stat = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file().then(|| FileStat::of(&stat))?;
        Some(Opened::on_disk(File::from(file), stat))
    }

    /// Writes a file as a whole or not at all; directories on the way are made. `fill` may set another mode or owner.
    ///
    /// # Errors
    /// A path that leads out, what `fill` says, a disk that does not take it.
    pub fn write(&self, path: &str, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<File> {
        let (folder, name) = self.place(path, true)?;
        let temporary = format!(".{:016x}.new", random());
        let mut file = File::from(rustix::fs::openat(&folder, &temporary, NEW | OFlags::EXCL, PRIVATE)?);
        let written = fill(&mut file).and_then(|()| rename(&folder, &temporary, &folder, name));
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&folder, &temporary, AtFlags::empty());
        }
        written.map(|()| file)
    }

    /// Takes a file away.
    ///
    /// # Errors
    /// One that is not there.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        let (folder, name) = self.place(path, false)?;
        Ok(rustix::fs::unlinkat(&folder, name, AtFlags::empty())?)
    }

    /// The directory of a path, held open, and the name in it; made when it is missing, with a file in its way removed.
    pub(super) fn place<'p>(&self, path: &'p str, make: bool) -> io::Result<(OwnedFd, &'p str)> {
        if !is_clean(path) {
            let why = format!("'{path}' leads out of {}", self.root.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let root = self.root(make)?;
        let Some((folders, name)) = path.rsplit_once('/') else { return Ok((root, path)) };
        match rustix::fs::openat2(&root, folders, DIRECTORY, Mode::empty(), inside()) {
            Err(_) if make => {}
            opened => return Ok((opened?, name)),
        }
        let mut folder = root;
        for part in folders.split('/') {
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
        Ok((folder, name))
    }

    fn root(&self, make: bool) -> io::Result<OwnedFd> {
        match open_directory(&self.root) {
            Err(error) if make && error.kind() == io::ErrorKind::NotFound => {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.root)?;
                open_directory(&self.root)
            }
            root => root,
        }
    }
}

/// A directory itself, no link to one.
pub(super) fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty())?)
}

/// Gives a file its name, in the place of whatever has it.
pub(super) fn rename(from: &OwnedFd, old: &str, to: &OwnedFd, new: &str) -> io::Result<()> {
    match rustix::fs::renameat(from, old, to, new) {
        // What was a directory in the tree became a file.
        Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => {
            let aside = format!(".{:016x}.old", random());
            rustix::fs::renameat(to, new, to, &aside)?;
            rustix::fs::renameat(from, old, to, new)?;
            std::fs::remove_dir_all(descriptor(to).join(&aside))
        }
        renamed => Ok(renamed?),
    }
}

fn is_clean(path: &str) -> bool {
    !path.contains('\0') && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn inside() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS
}

/// A handle as a path, for calls that take no handle.
fn descriptor(handle: &OwnedFd) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()))
}

/// Part of a name that nobody else chooses.
pub(super) fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::swapped::while_swapping;
    use super::*;

    #[test]
    fn a_path_that_leads_out_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let below = Below::new(dir.path().join("files"));
        for path in ["", ".", "..", "../x", "/x", "a/../../x", "a//b", "a/", "a\0"] {
            assert_eq!(below.path(path), None, "{path:?}");
            assert!(below.open(path).is_none() && below.write(path, |_| Ok(())).is_err(), "{path:?}");
        }
        assert_eq!(below.path("a/b"), Some(dir.path().join("files/a/b")));
        assert!(!dir.path().join("files").exists(), "nothing was made");
    }

    /// Somebody swaps a directory of the cache for a link as fast as he can, while files are written, read and removed.
    #[test]
    fn a_directory_that_becomes_a_link_meanwhile_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("x"), "SECRET").unwrap();
        let root = dir.path().join("files");
        std::fs::create_dir_all(root.join("base/d")).unwrap();
        let below = Below::new(root.clone());
        let mut written = 0;
        let swaps = while_swapping(&root.join("base/d"), &root.join("base/other"), outside.path(), || {
            for _ in 0..3000 {
                // It may fail while the directory is swapped; it may not go elsewhere.
                written += u32::from(below.write("base/d/x", |file| file.write_all(b"mine")).is_ok());
                if let Some(read) = below.open("base/d/x") {
                    assert_eq!(read.whole(100).unwrap(), b"mine");
                }
                let _ = below.remove("base/d/x");
            }
        });
        assert!(swaps > 100 && written > 100, "{swaps} {written}");
        let names: Vec<_> =
            std::fs::read_dir(outside.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["x"]);
        assert_eq!(std::fs::read(outside.path().join("x")).unwrap(), b"SECRET");
    }
}
