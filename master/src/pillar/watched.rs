//! What a compilation asked of the files: while the answers stay the same, so does its result.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleet_common::files::{FileError, FileSource, FileStat, Listing, Opened, Version};
use fleet_common::value::Map;

use crate::fileserver::now;

/// Largest file that is read whole.
const MOST: u64 = 1 << 30;

/// Environment and path, or the start of paths.
type Place = (String, String);

/// What was asked, and what was answered.
#[derive(Debug, Default)]
pub struct Seen {
    /// Files: in which state they were, `None` for those that were not there.
    files: HashMap<Place, Option<Version>>,
    /// Listings of files and directories.
    listings: HashMap<Place, Listing>,
    /// Something was answered that cannot be compared later.
    unsure: bool,
}

impl Seen {
    /// True when everything is as it was.
    pub fn is_current(&self, source: &dyn FileSource) -> bool {
        let version =
            |(env, path): &Place| source.open(env, path).map(|file| file.and_then(|file| file.stat().version));
        let names = |(env, prefix): &Place| listing(source, env, prefix);
        self.files.iter().all(|(place, seen)| version(place).is_ok_and(|version| version == *seen))
            && self.listings.iter().all(|(place, seen)| names(place).is_ok_and(|names| names == *seen))
    }

    /// True when a change from now on is sure to be noticed.
    pub fn can_be_kept(&self) -> bool {
        let now = now();
        let is_settled = |version: &Version| version.settles_in(now).is_some_and(|left| left.is_zero());
        !self.unsure && self.files.values().flatten().all(is_settled)
    }

    /// Bytes it takes, roughly.
    pub fn size(&self) -> usize {
        let names: usize = self.files.keys().map(|(env, path)| env.len() + path.len() + 128).sum();
        let listed = |listing: &Listing| {
            let names = listing.files.iter().map(|(path, _)| path).chain(&listing.directories);
            names.map(|path| path.len() + 160).sum::<usize>()
        };
        names + self.listings.values().map(listed).sum::<usize>()
    }
}

/// Names only: what is in the files is looked at when they are read.
fn listing(source: &dyn FileSource, env: &str, prefix: &str) -> Result<Listing, FileError> {
    let bare = |path| (path, FileStat::default());
    let files = source.list(env, prefix)?.into_iter().map(bare).collect();
    Ok(Listing { files, directories: source.directories(env, prefix)? })
}

/// A source that writes down what it is asked.
pub struct Watched {
    source: Arc<dyn FileSource>,
    seen: Mutex<Seen>,
}

impl Watched {
    /// Watches this source.
    pub fn new(source: Arc<dyn FileSource>) -> Self {
        Self { source, seen: Mutex::default() }
    }

    /// What was asked so far.
    pub fn take(&self) -> Seen {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down in which state a file is; two answers that differ are not to be kept.
    fn note(&self, env: &str, path: &str, found: Result<Option<&FileStat>, &FileError>) {
        let mut seen = self.lock();
        let version = match found {
            Ok(None) => None,
            Ok(Some(FileStat { version: Some(version), .. })) => Some(*version),
            // No tree has such a path.
            Err(FileError::Outside(_)) => return,
            Ok(Some(_)) | Err(_) => {
                seen.unsure = true;
                return;
            }
        };
        let before = seen.files.insert((env.to_owned(), path.to_owned()), version);
        seen.unsure |= before.is_some_and(|before| before != version);
    }

    fn names(&self, env: &str, prefix: &str) -> Result<Listing, FileError> {
        let names = listing(&*self.source, env, prefix);
        let mut seen = self.lock();
        match &names {
            Ok(names) => drop(seen.listings.insert((env.to_owned(), prefix.to_owned()), names.clone())),
            Err(_) => seen.unsure = true,
        }
        names
    }
}

impl FileSource for Watched {
    fn environments(&self) -> Result<Vec<String>, FileError> {
        // They are configured, and the same until the master starts again.
        self.source.environments()
    }

    fn list(&self, environment: &str, prefix: &str) -> Result<Vec<String>, FileError> {
        Ok(self.names(environment, prefix)?.files.into_iter().map(|(path, _)| path).collect())
    }

    fn directories(&self, environment: &str, prefix: &str) -> Result<Vec<String>, FileError> {
        Ok(self.names(environment, prefix)?.directories)
    }

    fn stat(&self, environment: &str, path: &str) -> Result<Option<FileStat>, FileError> {
        let stat = self.source.stat(environment, path);
        self.note(environment, path, stat.as_ref().map(Option::as_ref));
        stat
    }

    fn read(&self, environment: &str, path: &str) -> Result<Option<Arc<[u8]>>, FileError> {
        let Some(file) = self.open(environment, path)? else { return Ok(None) };
        let failed = |error: std::io::Error| FileError::Failed { path: path.to_owned(), why: error.to_string() };
        file.whole(MOST).map(|content| Some(content.into())).map_err(failed)
    }

    fn open(&self, environment: &str, path: &str) -> Result<Option<Opened>, FileError> {
        let opened = self.source.open(environment, path);
        let stat = opened.as_ref().map(|file| file.as_ref().map(|file| file.stat().clone())).map_err(Clone::clone);
        self.note(environment, path, stat.as_ref().map(Option::as_ref));
        opened
    }

    fn options(&self) -> Result<Map, FileError> {
        self.source.options()
    }
}
