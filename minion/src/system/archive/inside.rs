//! Writing below one directory through its handle: no member of an archive leads out of it by `..`, by being absolute or
//! through a link, whoever made the link, and whenever.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dev, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, chownat, fchmod, fchown,
    futimens, linkat, mkdirat, mknodat, openat, openat2, renameat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

use crate::system::fs::{Made, make_all};

/// A directory that is only passed through.
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// A directory that is changed itself.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const NEW: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// How often a path is looked up again that somebody changes meanwhile.
const TRIES: usize = 64;

/// What a member shall have; what is not given is as the system makes it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    /// Permission bits.
    pub mode: Option<u32>,
    /// User and group.
    pub owner: Option<(u32, u32)>,
    /// Seconds since 1970.
    pub mtime: Option<i64>,
}

/// A directory, held open. Directories that are made in it, and above it, go again if they are empty when it is dropped
/// without being finished.
pub struct Inside {
    root: OwnedFd,
    /// What was made below, in that order.
    new: RefCell<Vec<PathBuf>>,
    above: Made,
    /// Directories get what they shall have when everything in them is written.
    directories: Vec<(PathBuf, Facts)>,
}

/// The path of a member from the directory; `None` for one that leads out.
pub fn inner(name: &Path) -> Option<PathBuf> {
    let mut inner = PathBuf::new();
    for part in name.components() {
        match part {
            Component::Normal(part) => inner.push(part),
            Component::ParentDir => return None,
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Some(inner)
}

impl Inside {
    /// Below a directory that is there; the directory itself may be reached through links.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let root = openat(CWD, directory, FOLDER, Mode::empty())?;
        Ok(Self { root, new: RefCell::default(), above: Made::default(), directories: Vec::new() })
    }

    /// As [`Inside::open`]; the directory is made if it is missing.
    pub fn make(directory: &Path) -> io::Result<Self> {
        let above = make_all(directory)?;
        let mut inside = Self::open(directory)?;
        inside.above = above;
        Ok(inside)
    }

    /// A file, whole or not at all; what has its name is replaced, never written through.
    pub fn file(&self, inner: &Path, facts: Facts, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let (folder, name) = self.place(inner, |inside, above| inside.made(above, 0o777))?;
        let temporary = format!(".{:016x}.new", rand::random::<u64>());
        // Closed until it is what it shall be.
        let first = if facts.mode.is_some() { 0o600 } else { 0o666 };
        let mut file = File::from(openat(&folder, &temporary, NEW, Mode::from_raw_mode(first))?);
        let written = fill(&mut file).and_then(|()| facts.settle(&file));
        let written = written.and_then(|()| Ok(renameat(&folder, &temporary, &folder, name)?));
        if written.is_err() {
            let _gone = unlinkat(&folder, &temporary, AtFlags::empty());
        }
        written
    }

    /// A directory, or the one that is there.
    pub fn directory(&mut self, inner: &Path, facts: Facts) -> io::Result<()> {
        self.made(inner, if facts.mode.is_some() { 0o700 } else { 0o777 })?;
        self.directories.push((inner.to_owned(), facts));
        Ok(())
    }

    /// A symbolic link. Where it leads is not looked at: nothing is ever written through it to the outside.
    pub fn symlink(&self, inner: &Path, target: &Path, facts: Facts) -> io::Result<()> {
        let (folder, name) = self.free(inner)?;
        symlinkat(target, &folder, name)?;
        facts.own(&folder, name)?;
        match facts.times() {
            Some(times) => Ok(utimensat(&folder, name, &times, AtFlags::SYMLINK_NOFOLLOW)?),
            None => Ok(()),
        }
    }

    /// A second name for a member that was written before.
    pub fn hard_link(&self, inner: &Path, other: &Path) -> io::Result<()> {
        let (from, old) = self.place(other, Self::folder)?;
        let (folder, name) = self.free(inner)?;
        Ok(linkat(&from, old, &folder, name, AtFlags::empty())?)
    }

    /// A pipe or a device.
    pub fn node(&self, inner: &Path, kind: FileType, device: Dev, facts: Facts) -> io::Result<()> {
        let (folder, name) = self.free(inner)?;
        mknodat(&folder, name, kind, Mode::from_raw_mode(facts.mode.unwrap_or(0o600) & 0o7777), device)?;
        facts.own(&folder, name)
    }

    /// Takes away what has a name, with everything in it.
    pub fn remove(&self, inner: &Path) -> io::Result<()> {
        let (folder, name) = self.place(inner, Self::folder)?;
        match unlinkat(&folder, name, AtFlags::empty()) {
            // Through the handle: nobody can put another directory in the place of the one above.
            Err(Errno::ISDIR | Errno::PERM) => {
                std::fs::remove_dir_all(format!("/proc/self/fd/{}/{}", folder.as_raw_fd(), name.display()))
            }
            removed => Ok(removed?),
        }
    }

    /// Gives the directories what they shall have.
    pub fn finish(mut self) -> io::Result<()> {
        for (inner, facts) in self.directories.iter().rev() {
            facts.settle(&self.beneath(inner, DIRECTORY)?)?;
        }
        self.new.take();
        std::mem::take(&mut self.above).keep();
        Ok(())
    }

    /// The directory of a new member and its name there, which nothing has any more.
    fn free<'p>(&self, inner: &'p Path) -> io::Result<(OwnedFd, &'p OsStr)> {
        let (folder, name) = self.place(inner, |inside, above| inside.made(above, 0o777))?;
        match unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok((folder, name)),
            Err(error) => Err(error.into()),
        }
    }

    fn place<'p>(
        &self,
        inner: &'p Path,
        open: impl FnOnce(&Self, &Path) -> io::Result<OwnedFd>,
    ) -> io::Result<(OwnedFd, &'p OsStr)> {
        let name = inner.file_name().ok_or(Errno::ISDIR)?;
        Ok((open(self, inner.parent().unwrap_or(Path::new("")))?, name))
    }

    fn folder(&self, inner: &Path) -> io::Result<OwnedFd> {
        Ok(self.beneath(inner, FOLDER)?)
    }

    /// A directory, made with all above it where it is missing.
    fn made(&self, inner: &Path, mode: u32) -> io::Result<OwnedFd> {
        match self.beneath(inner, FOLDER) {
            Err(Errno::NOENT) => {}
            opened => return Ok(opened?),
        }
        let mut at = PathBuf::new();
        for part in inner {
            let above = self.beneath(&at, FOLDER)?;
            at.push(part);
            let mode = if at == inner { mode } else { 0o777 };
            match mkdirat(&above, part, Mode::from_raw_mode(mode)) {
                Ok(()) => self.new.borrow_mut().push(at.clone()),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.folder(inner)
    }

    /// Opens a directory below. The kernel holds the line: links are followed as long as they stay below.
    fn beneath(&self, inner: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = if inner.as_os_str().is_empty() { Path::new(".") } else { inner };
        for _ in 0..TRIES {
            match openat2(&self.root, path, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS) {
                // Something was renamed meanwhile and the kernel could not tell whether the path stayed inside.
                Err(Errno::AGAIN) => {}
                // A kernel without the call: no links at all.
                Err(Errno::NOSYS | Errno::PERM) => return self.step_by_step(path, flags),
                opened => return opened,
            }
        }
        Err(Errno::AGAIN)
    }

    fn step_by_step(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut folder = openat(&self.root, ".", flags, Mode::empty())?;
        for part in path {
            folder = openat(&folder, part, flags | OFlags::NOFOLLOW, Mode::empty())?;
        }
        Ok(folder)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        for inner in self.new.take().iter().rev() {
            if let Ok((folder, name)) = self.place(inner, Self::folder) {
                // One that is not empty is in use.
                let _ = unlinkat(&folder, name, AtFlags::REMOVEDIR);
            }
        }
    }
}

impl Facts {
    /// Sets it on what is open. The owner first: a new one clears the bits that give rights.
    fn settle(self, file: &impl std::os::fd::AsFd) -> io::Result<()> {
        if let Some((uid, gid)) = self.owner {
            fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        if let Some(mode) = self.mode {
            fchmod(file, Mode::from_raw_mode(mode & 0o7777))?;
        }
        match self.times() {
            Some(times) => Ok(futimens(file, &times)?),
            None => Ok(()),
        }
    }

    /// Sets the owner of what cannot be opened.
    fn own(self, folder: &OwnedFd, name: &OsStr) -> io::Result<()> {
        match self.owner {
            Some((uid, gid)) => {
                let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
                Ok(chownat(folder, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?)
            }
            None => Ok(()),
        }
    }

    fn times(self) -> Option<Timestamps> {
        let at = |tv_sec| Timespec { tv_sec, tv_nsec: 0 };
        self.mtime.map(|mtime| Timestamps { last_access: at(mtime), last_modification: at(mtime) })
    }
}

/// Everything at and below a path that has another owner gets this one; links are not followed, wherever they appear.
/// True if anything had.
pub fn own_all(path: &Path, uid: Option<u32>, gid: Option<u32>) -> io::Result<bool> {
    let name = path.file_name().ok_or(Errno::INVAL)?;
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = openat(CWD, above, FOLDER, Mode::empty())?;
    own_below(&folder, name, (uid, gid))
}

fn own_below(folder: &OwnedFd, name: &OsStr, (uid, gid): (Option<u32>, Option<u32>)) -> io::Result<bool> {
    let found = openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let stat = rustix::fs::fstat(&found)?;
    let mut differs = uid.is_some_and(|uid| uid != stat.st_uid) || gid.is_some_and(|gid| gid != stat.st_gid);
    if differs {
        let flags = AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW;
        chownat(&found, "", uid.map(Uid::from_raw), gid.map(Gid::from_raw), flags)?;
    }
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        // The same directory, whatever has its name by now.
        let held = openat(&found, ".", DIRECTORY, Mode::empty())?;
        for entry in std::fs::read_dir(format!("/proc/self/fd/{}", held.as_raw_fd()))? {
            match own_below(&held, &entry?.file_name(), (uid, gid)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                owned => differs |= owned?,
            }
        }
    }
    Ok(differs)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;
    use crate::files::swapped::while_swapping;

    #[test]
    fn names_stay_below() {
        for (name, kept) in [("a/./b", Some("a/b")), ("/etc/x", Some("etc/x")), ("./", Some("")), ("a/../b", None)] {
            assert_eq!(inner(Path::new(name)), kept.map(PathBuf::from), "{name}");
        }
        let dir = tempfile::tempdir().unwrap();
        let (root, out) = (dir.path().join("root"), dir.path().join("out"));
        std::fs::create_dir_all(root.join("in")).unwrap();
        std::fs::create_dir(&out).unwrap();
        std::fs::write(out.join("kept"), "kept").unwrap();
        for (name, to) in [("up", ".."), ("far", out.to_str().unwrap()), ("near", "in"), ("file", "../out/kept")] {
            symlink(to, root.join(name)).unwrap();
        }
        let mut inside = Inside::open(&root).unwrap();
        let (facts, write) = (Facts::default(), |file: &mut File| file.write_all(b"new"));
        for name in ["up/x", "far/x", "up/out/kept", "far/a/b"] {
            let name = Path::new(name);
            assert!(inside.file(name, facts, write).is_err(), "{name:?}");
            assert!(inside.directory(name, facts).is_err() && inside.remove(name).is_err(), "{name:?}");
            assert!(inside.symlink(name, Path::new("x"), facts).is_err(), "{name:?}");
            assert!(inside.hard_link(Path::new("h"), name).is_err(), "{name:?}");
        }
        assert!(inside.directory(Path::new("far"), Facts { mode: Some(0o777), ..facts }).is_err());
        inside.file(Path::new("near/x"), facts, write).unwrap();
        inside.file(Path::new("file"), Facts { mode: Some(0o4750), ..facts }, write).unwrap();
        inside.hard_link(Path::new("near/y"), Path::new("in/x")).unwrap();
        inside.finish().unwrap();
        assert_eq!(std::fs::read(root.join("in/x")).unwrap(), b"new");
        assert_eq!(std::fs::metadata(root.join("in/y")).unwrap().nlink(), 2);
        assert_eq!(
            std::fs::symlink_metadata(root.join("file")).unwrap().mode() & 0o7777,
            0o4750,
            "the link is replaced"
        );
        assert_eq!(std::fs::read(out.join("kept")).unwrap(), b"kept");
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1);
    }

    /// Somebody swaps the directory that is written to for a link, while everything there is to do is done in it.
    #[test]
    fn a_directory_that_becomes_a_link_meanwhile_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let (root, out) = (dir.path().join("root"), dir.path().join("out"));
        std::fs::create_dir_all(root.join("d")).unwrap();
        std::fs::create_dir(&out).unwrap();
        for name in ["x", "l", "h"] {
            std::fs::write(out.join(name), "SECRET").unwrap();
        }
        let before = std::fs::metadata(out.join("x")).unwrap();
        let mut done = [0_u32; 4];
        let swaps = while_swapping(&root.join("d"), &root.join("other"), &out, || {
            for _ in 0..1500 {
                let mut inside = Inside::open(&root).unwrap();
                let facts = Facts { mode: Some(0o777), mtime: Some(1), ..Facts::default() };
                let [x, l, h] = ["d/x", "d/l", "d/h"].map(Path::new);
                done[0] += u32::from(inside.file(x, facts, |file| file.write_all(b"mine")).is_ok());
                done[1] += u32::from(inside.symlink(l, Path::new("x"), facts).is_ok());
                let _ = inside.hard_link(h, x);
                let _ = inside.directory(Path::new("d"), facts);
                done[2] += u32::from(own_all(&root, Some(7), Some(7)).is_ok());
                done[3] += u32::from(inside.remove(x).is_ok());
                let _ = inside.finish();
            }
        });
        assert!(swaps > 100 && done[0] > 100 && done[1] > 100 && done[3] > 100, "{swaps} {done:?}");
        if rustix::process::geteuid().is_root() {
            assert!(done[2] > 100 && std::fs::metadata(&root).unwrap().uid() == 7, "{done:?}");
        }
        let mut names: Vec<_> = std::fs::read_dir(&out).unwrap().flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        assert_eq!(names, ["h", "l", "x"]);
        let after = std::fs::metadata(out.join("x")).unwrap();
        let facts = |meta: &std::fs::Metadata| (meta.ino(), meta.mode(), meta.uid(), meta.mtime(), meta.nlink());
        assert_eq!((facts(&after), std::fs::read(out.join("x")).unwrap()), (facts(&before), b"SECRET".to_vec()));
        let out = std::fs::metadata(&out).unwrap();
        assert!(out.mode() & 0o777 != 0o777 && out.uid() != 7, "the directory outside was changed");
    }
}
