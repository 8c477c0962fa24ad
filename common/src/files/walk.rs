//! Everything below the directories of an environment, found through their handles.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};

use super::beneath::Homes;
use super::{FileStat, Listing, Served};

/// Directories below each other that are walked at most; deeper ones are left out.
const MAX_DEPTH: usize = 64;
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

/// What a walk found, as paths relative to the roots; the first root that has a file wins.
pub(super) struct Walk<'r> {
    pub homes: Homes<'r>,
    pub served: &'r Served,
    /// Only what starts with this.
    pub prefix: &'r str,
    /// Device and number of the directories that no link leads into.
    kept: HashSet<(u64, u64)>,
    files: BTreeMap<String, FileStat>,
    directories: BTreeSet<String>,
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
        let identity = |path: &PathBuf| rustix::fs::stat(path).ok().map(|stat| identity(&stat));
        let kept = homes.kept.iter().filter_map(identity).collect();
        Self { homes, served, prefix, kept, files: BTreeMap::new(), directories: BTreeSet::new() }
    }

    /// Walks the part of every root that the prefix points into.
    pub fn all(mut self) -> Listing {
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
        Listing { files: self.files.into_iter().collect(), directories }
    }

    /// Walks one directory; `above` holds the directories on the way down, so that links in a circle end.
    fn visit(&mut self, directory: BorrowedFd<'_>, place: &Place<'_>, above: &mut HashSet<(u64, u64)>) {
        let Ok(identity) = rustix::fs::fstat(directory).map(|stat| identity(&stat)) else { return };
        let is_kept = !above.is_empty() && self.kept.contains(&identity);
        if is_kept || above.len() >= MAX_DEPTH || !above.insert(identity) {
            return;
        }
        for entry in Dir::read_from(directory).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().to_str() else { continue };
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
