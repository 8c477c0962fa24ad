//! The answers to what minions ask about files.

use std::sync::Arc;

use fleet_common::files::{FileError, FileSource, FileStat};
use fleet_common::proto::files::{
    BATCH, Brought, FileFacts, MOST_ENTRIES, MOST_WANTED, PART, SMALL, TreeState, Wanted,
};
use fleet_common::proto::request::{Reply, Request};
use serde_bytes::ByteBuf;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::index::Index;
use super::manifest::{self, Made, Manifests};

/// Requests that use the disk at the same time.
const READERS: usize = 8;
/// Bytes of files that are read or wait to be sent, over all sessions.
const BUDGET: usize = 128 * 1024 * 1024;
/// The same for one session: a minion that reads slowly keeps little from the others.
const SESSION_BUDGET: usize = 4 * 1024 * 1024;

/// What of the budgets an answer holds until it has been sent.
pub type Held = Vec<OwnedSemaphorePermit>;

/// One session's share of the budget.
pub struct Share(Arc<Semaphore>);

impl Default for Share {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SESSION_BUDGET)))
    }
}

/// Serves files.
pub struct FileServer {
    source: Arc<dyn FileSource>,
    readers: Semaphore,
    budget: Arc<Semaphore>,
    index: Index,
    manifests: Manifests,
}

impl FileServer {
    /// A server over these files.
    pub fn new(source: Arc<dyn FileSource>) -> Self {
        let (readers, budget) = (Semaphore::new(READERS), Arc::new(Semaphore::new(BUDGET)));
        Self { source, readers, budget, index: Index::default(), manifests: Manifests::default() }
    }

    /// The files themselves, for pillar.
    pub fn source(&self) -> Arc<dyn FileSource> {
        self.source.clone()
    }

    /// Answers a request about files; `Err` gives one back that is about something else.
    pub async fn answer(self: &Arc<Self>, share: &Share, request: Request) -> Result<(Reply, Held), Request> {
        let mut held = match &request {
            Request::Read { length, .. } => self.hold(share, (*length).min(PART) as usize).await,
            Request::Bring { .. } => self.hold(share, (BATCH + SMALL) as usize).await,
            Request::Files { .. } => self.hold(share, SESSION_BUDGET).await,
            // A walk at a time for a session; how long the answer is, it says.
            Request::Tree { .. } => take(&share.0, SESSION_BUDGET).await.into_iter().collect(),
            _ => Vec::new(),
        };
        let reply = match request {
            Request::Environments {} => {
                self.blocking(|files| Ok(Reply::Names { names: files.source.environments()? })).await
            }
            Request::Files { env, prefix, directories } => self.list(env, prefix, directories).await,
            Request::Stat { env, path } => self.blocking(move |files| files.stat(&env, &path)).await,
            Request::Tree { env, prefix, known, most } => {
                let (reply, more) = self.tree((env, prefix), known, most).await;
                held.extend(more);
                reply
            }
            Request::Bring { env, files } => self.blocking(move |server| server.bring(&env, &files)).await,
            Request::Read { env, path, offset, length, sha256 } => {
                self.blocking(move |files| files.read(&env, &path, (offset, length), &sha256)).await
            }
            other => return Err(other),
        };
        Ok((reply, held))
    }

    async fn hold(&self, share: &Share, bytes: usize) -> Held {
        let mut held = Vec::with_capacity(2);
        for budget in [&share.0, &self.budget] {
            held.extend(take(budget, bytes).await);
        }
        held
    }

    async fn list(self: &Arc<Self>, env: String, prefix: String, directories: bool) -> Reply {
        self.blocking(move |files| {
            let source = &files.source;
            let names = if directories { source.directories(&env, &prefix)? } else { source.list(&env, &prefix)? };
            Ok(Reply::Names { names })
        })
        .await
    }

    async fn tree(self: &Arc<Self>, place: (String, String), known: ByteBuf, most: u32) -> (Reply, Held) {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(MOST_ENTRIES);
        let server = self.clone();
        let make = async move |place: (String, String)| {
            let Ok(_place) = server.readers.acquire().await else { return Err(stopping()) };
            let files = server.clone();
            let made = move || manifest::make(&*files.source, &files.index, &place, MOST_ENTRIES);
            tokio::task::spawn_blocking(made).await.unwrap_or_else(|_| Err(stopping()))
        };
        let made = match self.manifests.get(place, make).await {
            Ok(made) => made,
            Err(error) => return (refused(&error), Vec::new()),
        };
        let Made { digest, manifest, files, size } = &*made;
        let mut held = Vec::new();
        let state = if *files > most {
            TreeState::TooLarge { files: *files as u64 }
        } else if *digest == known {
            TreeState::Same {}
        } else {
            // However many ask: copies are made for as many as the budget has room.
            held.extend(take(&self.budget, *size).await);
            TreeState::Now { digest: digest.clone(), manifest: manifest.clone() }
        };
        (Reply::Tree { state }, held)
    }

    fn stat(&self, env: &str, path: &str) -> Result<Reply, FileError> {
        let Some(file) = self.source.open(env, path)? else { return Ok(Reply::Stat { stat: None }) };
        let link = self.source.stat(env, path)?.and_then(|stat| stat.link);
        let sum = self.index.sum(&file).map_err(|error| broken(path, &error))?;
        let facts = FileFacts { sha256: ByteBuf::from(sum), link, ..facts(file.stat()) };
        Ok(Reply::Stat { stat: Some(facts) })
    }

    fn bring(&self, env: &str, wanted: &[Wanted]) -> Result<Reply, FileError> {
        let mut files = Vec::new();
        let mut bytes = 0;
        for one in wanted.iter().take(MOST_WANTED) {
            if bytes >= BATCH {
                break;
            }
            let Some(file) = self.source.open(env, &one.path)? else {
                files.push(Brought { facts: None, content: None });
                continue;
            };
            let failed = |error| broken(&one.path, &error);
            let sum = self.index.sum(&file).map_err(failed)?;
            let facts = FileFacts { sha256: ByteBuf::from(sum), ..facts(file.stat()) };
            let is_new = one.held.as_ref() != sum.as_slice();
            let length = usize::try_from(facts.size).unwrap_or(usize::MAX);
            let content = (is_new && facts.size <= SMALL).then(|| file.part(0, length)).transpose();
            let content = content.map_err(failed)?;
            bytes += content.as_ref().map_or(64, |content| content.len() as u64);
            files.push(Brought { facts: Some(facts), content: content.map(ByteBuf::from) });
        }
        Ok(Reply::Brought { files })
    }

    fn read(&self, env: &str, path: &str, (offset, length): (u64, u32), sha256: &[u8]) -> Result<Reply, FileError> {
        let gone = Reply::Part { bytes: None, size: 0 };
        let Some(file) = self.source.open(env, path)? else { return Ok(gone) };
        let failed = |error| broken(path, &error);
        if !sha256.is_empty() && self.index.sum(&file).map_err(failed)?.as_slice() != sha256 {
            return Ok(gone);
        }
        let bytes = file.part(offset, length.min(PART) as usize).map_err(failed)?;
        Ok(Reply::Part { bytes: Some(ByteBuf::from(bytes)), size: file.stat().size })
    }

    async fn blocking(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<Reply, FileError> + Send + 'static,
    ) -> Reply {
        let Ok(_place) = self.readers.acquire().await else { return refused(&stopping()) };
        let files = self.clone();
        match tokio::task::spawn_blocking(move || work(&files)).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => refused(&error),
            Err(_) => refused(&stopping()),
        }
    }
}

/// Takes bytes out of a budget, at most what one session may have.
async fn take(budget: &Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    let bytes = u32::try_from(bytes.clamp(1, SESSION_BUDGET)).unwrap_or(u32::MAX);
    // Budgets are never closed.
    budget.clone().acquire_many_owned(bytes).await.ok()
}

/// What a message tells of a file; its checksum is left open.
pub(super) fn facts(stat: &FileStat) -> FileFacts {
    let mtime = i64::try_from(stat.mtime).unwrap_or(i64::MAX);
    FileFacts { size: stat.size, mode: stat.mode, mtime, sha256: ByteBuf::new(), link: stat.link.clone() }
}

fn broken(path: &str, error: &std::io::Error) -> FileError {
    FileError::Failed { path: path.to_owned(), why: error.to_string() }
}

fn stopping() -> FileError {
    FileError::Failed { path: "file server".to_owned(), why: "it stops or failed".to_owned() }
}

fn refused(error: &FileError) -> Reply {
    let code = if matches!(error, FileError::Outside(_)) { "invalid" } else { "failed" };
    Reply::Error { code: code.to_owned(), message: error.to_string() }
}
