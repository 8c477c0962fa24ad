//! Files of the master kept on this machine under `files/<environment>/<path>` of the cache directory.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fleet_common::digest;
use fleet_common::proto::request::{FileFacts, Reply, Request};
use tokio::task::JoinSet;

use super::FetchError;
use super::remote::inside;
use crate::uplink::{AskError, PATIENCE, Uplink};

/// Bytes asked for at once: what a master answers at most.
const PART: u32 = 1 << 20;
/// Parts of one file that are under way at once.
const PARTS_OPEN: usize = 8;
/// A first part so small travels with the first question.
const EAGER: u32 = 64 * 1024;
/// How often a file that changes while it is read is begun again.
const ATTEMPTS: usize = 3;
/// Files whose checksum is remembered; beyond it all are forgotten and summed again.
const REMEMBERED: usize = 20_000;

/// A part with the offset it was asked for at; `None` when there is no such file any more.
type FetchedPart = (u64, Result<Option<Vec<u8>>, AskError>);

/// The cached files of a minion.
pub struct FileCache {
    root: PathBuf,
    summed: Mutex<HashMap<PathBuf, Summed>>,
}

/// A checksum and the look of the file it was made of.
#[derive(Clone)]
struct Summed {
    look: (u64, i64, i64, u64),
    sha256: Vec<u8>,
}

fn failed(path: &str, error: &dyn std::fmt::Display) -> FetchError {
    FetchError(format!("{path}: {error}"))
}

impl FileCache {
    /// A cache below `cache_dir`.
    pub fn new(cache_dir: &Path) -> Self {
        Self { root: cache_dir.join("files"), summed: Mutex::default() }
    }

    /// Brings a file here unless it is; `None` when the master has none. The answer is a path on this machine.
    pub async fn fetch(&self, uplink: &Uplink, env: &str, path: &str) -> Result<Option<PathBuf>, FetchError> {
        for part in [env, path] {
            inside(part).map_err(|error| FetchError(error.to_string()))?;
        }
        let local = self.root.join(env).join(path);
        for _ in 0..ATTEMPTS {
            let eager = (!local.is_file()).then(|| read(uplink, env, path, 0, EAGER));
            let stat = stat(uplink, env, path);
            let (facts, first) = match eager {
                Some(eager) => tokio::try_join!(stat, eager).map(|(facts, first)| (facts, Some(first))),
                None => stat.await.map(|facts| (facts, None)),
            }
            .map_err(|error| failed(path, &error))?;
            let Some(facts) = facts else {
                drop(std::fs::remove_file(&local));
                return Ok(None);
            };
            if self.holds(&local, &facts) {
                return Ok(Some(local));
            }
            let first = first.flatten().unwrap_or_default();
            if self.bring(uplink, (env, path), &facts, first, &local).await? {
                return Ok(Some(local));
            }
        }
        Err(failed(path, &"it changes faster than it can be fetched"))
    }

    /// True when the cached file is the one the master has.
    fn holds(&self, local: &Path, facts: &FileFacts) -> bool {
        let Ok(found) = std::fs::metadata(local) else { return false };
        if found.len() != facts.size || !found.is_file() {
            return false;
        }
        let look = (found.len(), found.mtime(), found.mtime_nsec(), found.ino());
        let known = self.summed.lock().unwrap_or_else(PoisonError::into_inner).get(local).cloned();
        let sha256 = match known {
            Some(summed) if summed.look == look => summed.sha256,
            _ => {
                let Some(sha256) = std::fs::File::open(local).ok().and_then(|file| sum(file).ok()) else {
                    return false;
                };
                self.remember(local, Summed { look, sha256: sha256.clone() });
                sha256
            }
        };
        sha256.as_slice() == &**facts.sha256
    }

    fn remember(&self, local: &Path, summed: Summed) {
        let mut all = self.summed.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.clear();
        }
        all.insert(local.to_owned(), summed);
    }

    /// Reads all parts in order into a temporary file that takes the place; false when the file changed meanwhile.
    async fn bring(
        &self,
        uplink: &Uplink,
        (env, path): (&str, &str),
        facts: &FileFacts,
        first: Vec<u8>,
        local: &Path,
    ) -> Result<bool, FetchError> {
        let fault = |error: io::Error| failed(path, &error);
        let folder = local.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(folder).map_err(fault)?;
        let next = folder.join(format!(".{:016x}.part", rand_name(local)));
        let mut options = std::fs::OpenOptions::new();
        drop(std::fs::remove_file(&next));
        let mut file = options.write(true).create_new(true).mode(0o600).open(&next).map_err(fault)?;
        let _remove = RemoveOnDrop(&next);
        let mut digest = digest::Digest::new("sha256").ok_or_else(|| failed(path, &"no checksum"))?;
        let mut at = first.len() as u64;
        digest.update(&first);
        file.write_all(&first).map_err(fault)?;
        let mut asked = at;
        let mut parts: JoinSet<FetchedPart> = JoinSet::new();
        let mut early: HashMap<u64, Vec<u8>> = HashMap::new();
        while at < facts.size {
            while asked < facts.size && parts.len() + early.len() < PARTS_OPEN {
                let (uplink, env, path, offset) = (uplink.clone(), env.to_owned(), path.to_owned(), asked);
                parts.spawn(async move { (offset, read(&uplink, &env, &path, offset, PART).await) });
                asked += u64::from(PART);
            }
            if let Some(bytes) = early.remove(&at) {
                digest.update(&bytes);
                file.write_all(&bytes).map_err(fault)?;
                at += bytes.len() as u64;
                continue;
            }
            let Some(Ok((offset, part))) = parts.join_next().await else { return Ok(false) };
            match part.map_err(|error| failed(path, &error))? {
                // A short part in the middle is a file that changed.
                Some(bytes) if bytes.len() as u64 == (facts.size - offset).min(u64::from(PART)) => {
                    early.insert(offset, bytes);
                }
                _ => return Ok(false),
            }
        }
        let sha256 = digest.finish();
        if at != facts.size || sha256.as_slice() != &**facts.sha256 {
            return Ok(false);
        }
        std::fs::rename(&next, local).map_err(fault)?;
        let found = std::fs::metadata(local).map_err(fault)?;
        let look = (found.len(), found.mtime(), found.mtime_nsec(), found.ino());
        self.remember(local, Summed { look, sha256 });
        Ok(true)
    }
}

/// A name that two fetches of different files in one folder do not share.
fn rand_name(local: &Path) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(local)
}

struct RemoveOnDrop<'a>(&'a Path);

impl Drop for RemoveOnDrop<'_> {
    fn drop(&mut self) {
        // After the rename there is nothing left to remove.
        drop(std::fs::remove_file(self.0));
    }
}

fn sum(mut file: std::fs::File) -> io::Result<Vec<u8>> {
    let mut digest = digest::Digest::new("sha256").ok_or(io::ErrorKind::Unsupported)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(digest.finish()),
            count => digest.update(&buffer[..count]),
        }
    }
}

fn strange() -> AskError {
    AskError::Refused { code: "failed".to_owned(), message: "the master answered another question".to_owned() }
}

async fn stat(uplink: &Uplink, env: &str, path: &str) -> Result<Option<FileFacts>, AskError> {
    match uplink.ask(Request::Stat { env: env.to_owned(), path: path.to_owned() }, PATIENCE).await? {
        Reply::Stat { stat } => Ok(stat),
        _ => Err(strange()),
    }
}

async fn read(uplink: &Uplink, env: &str, path: &str, offset: u64, length: u32) -> Result<Option<Vec<u8>>, AskError> {
    let request = Request::Read { env: env.to_owned(), path: path.to_owned(), offset, length };
    match uplink.ask(request, PATIENCE).await? {
        Reply::Part { bytes, .. } => Ok(bytes.map(serde_bytes::ByteBuf::into_vec)),
        _ => Err(strange()),
    }
}
