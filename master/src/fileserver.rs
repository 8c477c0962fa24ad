//! State files for minions: a bounded pool of threads over a [`FileSource`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fleet_common::digest;
use fleet_common::files::{FileError, FileSource, FileStat};
use fleet_common::proto::request::{FileFacts, Reply};
use serde_bytes::ByteBuf;
use tokio::sync::Semaphore;

/// Requests that read at the same time.
const READERS: usize = 16;
/// Most bytes of one part.
const PART: u64 = 1024 * 1024;
/// Checksums that are remembered.
const SUMS: usize = 10_000;

/// Environment, path.
type Name = (String, String);

/// Serves files.
pub struct FileServer {
    source: Arc<dyn FileSource>,
    readers: Semaphore,
    /// Checksums by name, good as long as size and time of the file stay.
    sums: Mutex<HashMap<Name, (FileStat, ByteBuf)>>,
}

impl FileServer {
    /// A server over these files.
    pub fn new(source: Arc<dyn FileSource>) -> Self {
        Self { source, readers: Semaphore::new(READERS), sums: Mutex::default() }
    }

    /// The files themselves, for pillar.
    pub fn source(&self) -> Arc<dyn FileSource> {
        self.source.clone()
    }

    /// All environments.
    pub async fn environments(self: &Arc<Self>) -> Reply {
        self.blocking(|files| Ok(Reply::Names { names: files.source.environments()? })).await
    }

    /// Files or directories of an environment.
    pub async fn list(self: &Arc<Self>, env: String, prefix: String, directories: bool) -> Reply {
        self.blocking(move |files| {
            let source = &files.source;
            let names = if directories { source.directories(&env, &prefix)? } else { source.list(&env, &prefix)? };
            Ok(Reply::Names { names })
        })
        .await
    }

    /// What is known of a file.
    pub async fn stat(self: &Arc<Self>, env: String, path: String) -> Reply {
        self.blocking(move |files| {
            let Some(stat) = files.source.stat(&env, &path)? else { return Ok(Reply::Stat { stat: None }) };
            let sha256 = files.sum(env, path, &stat)?;
            let mtime = i64::try_from(stat.mtime).unwrap_or(i64::MAX);
            let facts = FileFacts { size: stat.size, mode: stat.mode, mtime, sha256, link: stat.link };
            Ok(Reply::Stat { stat: Some(facts) })
        })
        .await
    }

    /// A part of a file, at most 1 MiB.
    pub async fn read(self: &Arc<Self>, env: String, path: String, offset: u64, length: u32) -> Reply {
        self.blocking(move |files| {
            let Some(content) = files.source.read(&env, &path)? else {
                return Ok(Reply::Part { bytes: None, size: 0 });
            };
            let size = content.len() as u64;
            let start = offset.min(size);
            let end = start.saturating_add(u64::from(length).min(PART)).min(size);
            let bytes = ByteBuf::from(&content[start as usize..end as usize]);
            Ok(Reply::Part { bytes: Some(bytes), size })
        })
        .await
    }

    fn sum(&self, env: String, path: String, stat: &FileStat) -> Result<ByteBuf, FileError> {
        let name = (env, path);
        let known = self.sums.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        if let Some((seen, sum)) = known
            && seen == *stat
            && stat.mtime != 0
        {
            return Ok(sum);
        }
        let content = self.source.read(&name.0, &name.1)?.unwrap_or_else(|| Arc::from([].as_slice()));
        let sum = ByteBuf::from(digest::of_bytes("sha256", &content).unwrap_or_default());
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        if sums.len() >= SUMS {
            sums.clear();
        }
        sums.insert(name, (stat.clone(), sum.clone()));
        Ok(sum)
    }

    async fn blocking(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<Reply, FileError> + Send + 'static,
    ) -> Reply {
        let Ok(_place) = self.readers.acquire().await else { return failed("the file server stops") };
        let files = self.clone();
        match tokio::task::spawn_blocking(move || work(&files)).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(FileError::Outside(path))) => {
                let message = format!("'{path}' is not a path inside the tree");
                Reply::Error { code: "invalid".to_owned(), message }
            }
            Ok(Err(error)) => failed(&error.to_string()),
            Err(_) => failed("the file server failed"),
        }
    }
}

fn failed(message: &str) -> Reply {
    Reply::Error { code: "failed".to_owned(), message: message.to_owned() }
}
