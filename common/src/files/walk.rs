//! Everything below the directories of an environment, found through their handles.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};

use super::beneath::Homes;
use super::served::Kept;
use super::{FileStat, Listing, Served};

/// Directories below each other that are walked at most; deeper ones are left out.
const MAX_DEPTH: usize = 64;
/// Entries that are left out and named, in one walk.
const MOST_SKIPPED: usize = 1000;
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

/// What a walk found, as paths relative to the roots; the first root that has a file wins.
pub(super) struct Walk<'r> {
    pub homes: Homes<'r>,
    pub served: &'r Served,
    /// Only what starts with this.
    pub prefix: &'r str,
    /// Device and number of the directories of which nothing is served.
    kept: HashSet<(u64, u64)>,
    files: BTreeMap<String, FileStat>,
    directories: BTreeSet<String>,
    skipped: Vec<Skipped>,
}

/// Something that is there and is not served.
pub(super) struct Skipped {
    /// Where it is on this machine.
    pub path: PathBuf,
    /// Why, and what to do.
    pub why: &'static str,
}

/// The directory that is walked.
struct Place<'p> {
    root: &'p Path,
    handle: &'p File,
    /// From the root.
    path: &'p str,
}

#[allow(clippy::unnecessary_cast, reason = "the kernel's types differ between architectures")]
fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev as u64, stat.st_ino as u64)
}

impl<'r> Walk<'r> {
    pub fn new(homes: Homes<'r>, served: &'r Served, prefix: &'r str) -> Self {
        let identity = |kept: &Kept| rustix::fs::stat(kept.path()).ok().map(|stat| identity(&stat));
        let kept = homes.kept.iter().filter_map(identity).collect();
        let (files, directories, skipped) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        Self { homes, served, prefix, kept, files, directories, skipped }
    }

    /// Walks the part of every root that the prefix points into; also what was left out.
    pub fn all(mut self) -> (Listing, Vec<Skipped>) {
        let start = self.prefix.rsplit_once('/').map_or("", |(directory, _)| directory);
        for root in self.homes.roots {
            let Ok(handle) = File::open(root) else { continue };
            let place = Place { root, handle: &handle, path: start };
            if start.is_empty() {
                self.visit(handle.as_fd(), &place, &mut HashSet::new());
            } else if let Ok(directory) = self.homes.open(root, &handle, start) {
                self.visit(directory.as_fd(), &place, &mut HashSet::new());
            }
        }
        let directories = self.directories.into_iter().collect();
        (Listing { files: self.files.into_iter().collect(), directories }, self.skipped)
    }

    /// Walks one directory; `above` holds the directories on the way down, so that links in a circle end.
    fn visit(&mut self, directory: BorrowedFd<'_>, place: &Place<'_>, above: &mut HashSet<(u64, u64)>) {
        let Ok(identity) = rustix::fs::fstat(directory).map(|stat| identity(&stat)) else { return };
        let is_kept = !above.is_empty() && self.kept.contains(&identity);
        if is_kept || above.contains(&identity) {
            return;
        }
        if above.len() >= MAX_DEPTH {
            self.skip(place, b"", "too many directories are below each other");
            return;
        }
        above.insert(identity);
        for entry in Dir::read_from(directory).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().to_str() else {
                self.skip(place, entry.file_name().to_bytes(), "its name is not UTF-8; give it another");
                continue;
            };
            if name == "." || name == ".." {
                continue;
            }
            let path = if place.path.is_empty() { name.to_owned() } else { format!("{}/{name}", place.path) };
            if !self.is_wanted(&path) {
                continue;
            }
            let Ok(stat) = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => self.file(path, &stat, None),
                FileType::Directory => {
                    if let Ok(below) = rustix::fs::openat(directory, name, DIRECTORY, Mode::empty()) {
                        self.visit(below.as_fd(), &Place { path: &path, ..*place }, above);
                        self.directory(path);
                    }
                }
                FileType::Symlink => self.link(directory, name, path, place, above),
                _ => {}
            }
        }
        above.remove(&identity);
    }

    fn link(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &str,
        path: String,
        place: &Place<'_>,
        above: &mut HashSet<(u64, u64)>,
    ) {
        let Ok(real) = self.homes.open(place.root, place.handle, &path) else { return };
        let Ok(stat) = rustix::fs::fstat(&real) else { return };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile if !self.served.hide_links => {
                let target = rustix::fs::readlinkat(directory, name, Vec::new()).ok();
                self.file(path, &stat, target.and_then(|target| target.into_string().ok()));
            }
            FileType::Directory => {
                self.visit(real.as_fd(), &Place { path: &path, ..*place }, above);
                self.directory(path);
            }
            _ => {}
        }
    }

    fn skip(&mut self, place: &Place<'_>, name: &[u8], why: &'static str) {
        if self.skipped.len() < MOST_SKIPPED {
            let path = place.root.join(place.path).join(OsStr::from_bytes(name));
            self.skipped.push(Skipped { path, why });
        }
    }

    /// True for a path that starts with the prefix and for directories on the way there.
    fn is_wanted(&self, path: &str) -> bool {
        path.starts_with(self.prefix) || self.prefix.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
    }

    fn file(&mut self, path: String, stat: &Stat, link: Option<String>) {
        if path.starts_with(self.prefix) && !self.served.ignores(&path) && !self.files.contains_key(&path) {
            self.files.insert(path, FileStat { link, ..FileStat::of(stat) });
        }
    }

    fn directory(&mut self, path: String) {
        if path.starts_with(self.prefix) {
            self.directories.insert(path);
        }
    }
}
