//! The master's files as a [`FileSource`] of one job.
//!
//! After a few questions about single files the job takes a manifest of the whole environment and asks no more about
//! what that one says; it is looked at again when it is a second old. Content is read from the cache when its checksum
//! is the manifest's, and brought there else.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fleet_common::files::{FileError, FileSource, FileStat, Listing, Opened};
use fleet_common::proto::files::{FileFacts, Manifest};
use fleet_common::proto::request::{Reply, Request};
use fleet_common::value::Map;

use super::store::Store;
use super::{Asker, FetchError};

/// So many single questions about an environment are cheaper than its manifest.
const SINGLE: usize = 4;
/// Environments with more files are asked about file by file.
const MOST: u32 = 5_000;
/// For so long a manifest is not looked at again.
const FRESH: Duration = Duration::from_secs(1);
/// Largest file that is read into memory at once.
const LARGEST: u64 = 1 << 30;

/// Files that are asked for through `A`.
pub struct RemoteFiles<A> {
    asker: Arc<A>,
    store: Store,
    known: Mutex<HashMap<String, Known>>,
}

/// What a job knows of an environment.
#[derive(Default)]
struct Known {
    questions: usize,
    too_large: bool,
    manifests: Vec<Seen>,
}

/// A manifest and when it was asked for.
#[derive(Clone)]
struct Seen {
    prefix: String,
    at: Instant,
    manifest: Arc<Manifest>,
}

impl Known {
    fn see(&mut self, prefix: &str, at: Instant, manifest: Manifest) -> Arc<Manifest> {
        let manifest = Arc::new(manifest);
        self.manifests.retain(|seen| seen.at.elapsed() < FRESH && seen.prefix != prefix);
        self.manifests.push(Seen { prefix: prefix.to_owned(), at, manifest: manifest.clone() });
        manifest
    }
}

impl<A: Asker> RemoteFiles<A> {
    /// A source behind an asker that keeps files below `cache_dir`.
    pub fn new(asker: Arc<A>, cache_dir: &std::path::Path) -> Self {
        Self { asker, store: Store::new(cache_dir), known: Mutex::default() }
    }

    fn ask(&self, about: &str, request: Request) -> Result<Reply, FileError> {
        match self.asker.ask(request).map_err(|error| failed(about, &error))? {
            Reply::Error { message, .. } => Err(FileError::Failed { path: about.to_owned(), why: message }),
            reply => Ok(reply),
        }
    }

    fn names(&self, environment: &str, prefix: &str, directories: bool) -> Result<Vec<String>, FileError> {
        if let Some(manifest) = self.manifest(environment, prefix)? {
            let all: Vec<&String> = if directories {
                manifest.directories.iter().collect()
            } else {
                manifest.files.iter().map(|entry| &entry.path).collect()
            };
            return Ok(all.into_iter().filter(|path| path.starts_with(prefix)).cloned().collect());
        }
        let request = Request::Files { env: environment.to_owned(), prefix: prefix.to_owned(), directories };
        match self.ask(prefix, request)? {
            Reply::Names { names } => Ok(names),
            _ => Err(strange(prefix)),
        }
    }

    /// A manifest that covers this path of an environment, once it pays to have one.
    fn manifest(&self, environment: &str, path: &str) -> Result<Option<Arc<Manifest>>, FileError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(environment.to_owned()).or_default();
        let covers = |seen: &&Seen| path.starts_with(&seen.prefix) && seen.at.elapsed() < FRESH;
        if let Some(seen) = known.manifests.iter().find(covers) {
            return Ok(Some(seen.manifest.clone()));
        }
        known.questions += 1;
        if known.too_large || known.questions <= SINGLE {
            return Ok(None);
        }
        let asked = Instant::now();
        let manifest = self.asker.tree(environment, "", MOST).map_err(|error| failed(environment, &error))?;
        known.too_large = manifest.is_none();
        Ok(manifest.map(|manifest| known.see("", asked, manifest)))
    }

    /// The cached file, if it is the one the manifest names.
    fn cached(&self, environment: &str, path: &str) -> Result<Option<Opened>, FileError> {
        let Some(manifest) = self.manifest(environment, path)? else { return Ok(None) };
        let Some(facts) = manifest.get(path) else { return Ok(None) };
        let is_right = |file: &Opened| {
            file.stat().size == facts.size
                && self.store.sum(file).is_some_and(|sum| sum.as_slice() == facts.sha256.as_slice())
        };
        Ok(self.store.open(environment, path).filter(is_right))
    }

    fn opened(&self, environment: &str, path: &str) -> Result<Option<Opened>, FileError> {
        let path = inside(path)?;
        if let Some(file) = self.cached(environment, path)? {
            return Ok(Some(file));
        }
        let Some(local) = self.asker.fetch(environment, path).map_err(|error| failed(path, &error))? else {
            return Ok(None);
        };
        on_disk(&local).map(Some).map_err(|error| FileError::Failed { path: path.to_owned(), why: error.to_string() })
    }
}

fn on_disk(local: &PathBuf) -> std::io::Result<Opened> {
    let file = File::open(local)?;
    let stat = FileStat::of(&rustix::fs::fstat(&file)?);
    Ok(Opened::on_disk(file, stat))
}

fn failed(path: &str, error: &FetchError) -> FileError {
    FileError::Failed { path: path.to_owned(), why: error.to_string() }
}

fn strange(path: &str) -> FileError {
    FileError::Failed { path: path.to_owned(), why: "the master answered another question".to_owned() }
}

fn stat_of(facts: &FileFacts) -> FileStat {
    FileStat {
        size: facts.size,
        mode: facts.mode,
        mtime: i128::from(facts.mtime),
        link: facts.link.clone(),
        version: None,
        sha256: facts.sha256.as_slice().try_into().ok(),
    }
}

impl<A: Asker> FileSource for RemoteFiles<A> {
    fn options(&self) -> Result<Map, FileError> {
        match self.ask("options", Request::Options {})? {
            Reply::Options { options } => Ok(options),
            _ => Err(strange("options")),
        }
    }

    fn environments(&self) -> Result<Vec<String>, FileError> {
        match self.ask("environments", Request::Environments {})? {
            Reply::Names { names } => Ok(names),
            _ => Err(strange("environments")),
        }
    }

    fn list(&self, environment: &str, prefix: &str) -> Result<Vec<String>, FileError> {
        self.names(environment, prefix, false)
    }

    fn directories(&self, environment: &str, prefix: &str) -> Result<Vec<String>, FileError> {
        self.names(environment, prefix, true)
    }

    fn stat(&self, environment: &str, path: &str) -> Result<Option<FileStat>, FileError> {
        let path = inside(path)?;
        if let Some(manifest) = self.manifest(environment, path)? {
            return Ok(manifest.get(path).map(stat_of));
        }
        let request = Request::Stat { env: environment.to_owned(), path: path.to_owned() };
        match self.ask(path, request)? {
            Reply::Stat { stat } => Ok(stat.as_ref().map(stat_of)),
            _ => Err(strange(path)),
        }
    }

    fn read(&self, environment: &str, path: &str) -> Result<Option<Arc<[u8]>>, FileError> {
        let Some(file) = self.opened(environment, path)? else { return Ok(None) };
        match file.whole(LARGEST) {
            Ok(content) => Ok(Some(content.into())),
            Err(error) => Err(FileError::Failed { path: path.to_owned(), why: error.to_string() }),
        }
    }

    fn open(&self, environment: &str, path: &str) -> Result<Option<Opened>, FileError> {
        self.opened(environment, path)
    }

    fn listing(&self, environment: &str, prefix: &str) -> Result<Listing, FileError> {
        let most = u32::MAX;
        let Some(manifest) = self.asker.tree(environment, prefix, most).map_err(|error| failed(prefix, &error))? else {
            return Err(FileError::Failed { path: prefix.to_owned(), why: "it holds too many files".to_owned() });
        };
        let files = manifest.files.iter().map(|entry| (entry.path.clone(), stat_of(&entry.facts))).collect();
        Ok(Listing { files, directories: manifest.directories })
    }

    fn prefetch(&self, environment: &str, prefix: &str) -> Result<(), FileError> {
        let asked = Instant::now();
        let manifest = self.asker.fetch_tree(environment, prefix).map_err(|error| failed(prefix, &error))?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(environment.to_owned()).or_default().see(prefix, asked, manifest);
        Ok(())
    }
}

/// Refuses what is not a clean relative path: the answer becomes part of a path on this machine.
pub(super) fn inside(path: &str) -> Result<&str, FileError> {
    let clean = !path.is_empty()
        && !path.contains('\0')
        && path.split('/').all(|part| !matches!(part, "" | "." | "..") && part.len() <= 255);
    if clean { Ok(path) } else { Err(FileError::Outside(path.to_owned())) }
}
