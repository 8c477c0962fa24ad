//! Files of the master brought to this machine: one question for a tree that is here already, else the manifest and
//! only what is missing, small files many in a message, large ones in parts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fleet_common::proto::files::{FileFacts, MOST_ENTRIES, MOST_WANTED, Manifest, SMALL, TreeState, Wanted};
use serde_bytes::ByteBuf;
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::JoinSet;

use super::remote::inside;
use super::store::Store;
use super::{FetchError, ask, large};
use crate::system::fs::plain;
use crate::uplink::Uplink;

/// How often a file that changes while it is read is begun again.
const ATTEMPTS: usize = 3;
/// Content that one question asks for, at least: the master's answer carries more.
const BATCH: u64 = 384 * 1024;
/// Questions of one tree that are open at once.
const BATCHES_OPEN: usize = 4;
/// Manifests that are remembered; the one that was used longest ago goes first.
const MANIFESTS: usize = 16;

/// Environment and prefix.
type Place = (String, String);

/// The cached files of a minion.
pub struct FileCache {
    store: Arc<Store>,
    manifests: Mutex<Vec<(Place, ByteBuf, Arc<Manifest>)>>,
    /// Contents that are being brought: whoever wants the same waits.
    coming: Mutex<HashMap<Vec<u8>, Arc<AsyncMutex<()>>>>,
}

fn failed(path: &str, error: &dyn std::fmt::Display) -> FetchError {
    FetchError(format!("{path}: {error}"))
}

fn on_disk(path: &str, error: &std::io::Error) -> FetchError {
    failed(path, &format!("the minion's cache: {}", plain(error)))
}

impl FileCache {
    /// A cache below `cache_dir`.
    pub fn new(cache_dir: &Path) -> Self {
        let store = Store::new(cache_dir);
        store.sweep();
        Self { store: Arc::new(store), manifests: Mutex::default(), coming: Mutex::default() }
    }

    /// Brings a file here unless it is; `None` when the master has none. The answer is a path on this machine.
    pub async fn fetch(&self, uplink: &Uplink, env: &str, path: &str) -> Result<Option<PathBuf>, FetchError> {
        check(env, path)?;
        for _ in 0..ATTEMPTS {
            let held = self.held(env, path).await;
            let wanted = Wanted { path: path.to_owned(), held: ByteBuf::from(held.map_or(Vec::new(), Vec::from)) };
            let brought = ask::bring(uplink, env, vec![wanted]).await.map_err(|error| failed(path, &error))?;
            let Some(brought) = brought.into_iter().next() else { continue };
            let Some(facts) = brought.facts else {
                self.store.remove(env, path);
                return Ok(None);
            };
            let is_held = held.is_some_and(|held| held.as_slice() == facts.sha256.as_slice());
            let is_here = match brought.content {
                _ if is_held => true,
                Some(content) => put(&self.store, env, path, &facts, &content)?,
                None => self.bring(uplink, (env, path), &facts).await?,
            };
            if is_here {
                return Ok(self.store.path(env, path));
            }
        }
        Err(failed(path, &"it changes faster than it can be fetched"))
    }

    /// What the master has below a place; `None` when there are more than `most` files. One question.
    pub async fn tree(
        &self,
        uplink: &Uplink,
        env: &str,
        prefix: &str,
        most: u32,
    ) -> Result<Option<Arc<Manifest>>, FetchError> {
        let place = (env.to_owned(), prefix.to_owned());
        let known = self.lock_manifests().iter().find(|(known, ..)| *known == place).cloned();
        let digest = known.as_ref().map(|(_, digest, _)| digest.clone()).unwrap_or_default();
        let state = ask::tree(uplink, (env, prefix), digest, most).await.map_err(|error| failed(prefix, &error))?;
        let (digest, manifest) = match (state, known) {
            (TreeState::TooLarge { .. }, _) => return Ok(None),
            (TreeState::Same {}, Some((_, digest, manifest))) => (digest, manifest),
            (TreeState::Same {}, None) => return Err(failed(prefix, &"the master answered another question")),
            (TreeState::Now { digest, manifest }, _) => (digest, Arc::new(manifest)),
        };
        let mut manifests = self.lock_manifests();
        manifests.retain(|(known, ..)| *known != place);
        if manifests.len() >= MANIFESTS {
            manifests.remove(0);
        }
        manifests.push((place, digest, manifest.clone()));
        Ok(Some(manifest))
    }

    /// Brings all files whose paths start with `prefix` here; says what they are.
    pub async fn fetch_tree(&self, uplink: &Uplink, env: &str, prefix: &str) -> Result<Arc<Manifest>, FetchError> {
        for _ in 0..ATTEMPTS {
            let most = u32::try_from(MOST_ENTRIES).unwrap_or(u32::MAX);
            let Some(manifest) = self.tree(uplink, env, prefix, most).await? else {
                return Err(failed(
                    prefix,
                    &format!("it holds more than {MOST_ENTRIES} files; name a smaller directory"),
                ));
            };
            let (small, rest) = self.missing(env, &manifest).await?;
            let mut is_whole = self.bring_small(uplink, env, small).await?;
            for path in rest {
                // Large ones one after the other: each has several parts under way.
                is_whole &= self.fetch(uplink, env, &path).await?.is_some();
            }
            if is_whole {
                return Ok(manifest);
            }
        }
        Err(failed(prefix, &"its files change faster than they can be fetched"))
    }

    /// The files of a manifest that are not here, the small and the others.
    async fn missing(
        &self,
        env: &str,
        manifest: &Arc<Manifest>,
    ) -> Result<(Vec<(Wanted, u64)>, Vec<String>), FetchError> {
        let (store, env, manifest) = (self.store.clone(), env.to_owned(), manifest.clone());
        let look = move || {
            let (mut small, mut rest) = (Vec::new(), Vec::new());
            for entry in &manifest.files {
                check(&env, &entry.path)?;
                let held = store.held(&env, &entry.path);
                if held.is_some_and(|held| held.as_slice() == entry.facts.sha256.as_slice()) {
                    continue;
                }
                if entry.facts.size <= SMALL {
                    let wanted = Wanted { path: entry.path.clone(), held: ByteBuf::new() };
                    small.push((wanted, entry.facts.size));
                } else {
                    rest.push(entry.path.clone());
                }
            }
            Ok((small, rest))
        };
        tokio::task::spawn_blocking(look).await.map_err(|_| FetchError("the minion stops".to_owned()))?
    }

    /// Brings small files, several questions at once; false when one of them vanished or changed meanwhile.
    async fn bring_small(&self, uplink: &Uplink, env: &str, files: Vec<(Wanted, u64)>) -> Result<bool, FetchError> {
        let mut batches = batches(files);
        batches.reverse();
        let mut open: JoinSet<Result<(bool, Vec<Wanted>), FetchError>> = JoinSet::new();
        let mut is_whole = true;
        loop {
            while open.len() < BATCHES_OPEN
                && let Some(batch) = batches.pop()
            {
                open.spawn(bring_batch(self.store.clone(), uplink.clone(), env.to_owned(), batch));
            }
            let Some(done) = open.join_next().await else { return Ok(is_whole) };
            let (whole, left) = done.map_err(|_| FetchError("the minion stops".to_owned()))??;
            is_whole &= whole;
            if !left.is_empty() {
                batches.push(left);
            }
        }
    }

    /// Brings a large file, unless somebody else does; false when it changed meanwhile.
    async fn bring(&self, uplink: &Uplink, (env, path): (&str, &str), facts: &FileFacts) -> Result<bool, FetchError> {
        let sum = facts.sha256.to_vec();
        let turn = self.coming.lock().unwrap_or_else(PoisonError::into_inner).entry(sum.clone()).or_default().clone();
        let brought = {
            let _mine = turn.lock().await;
            if self.held(env, path).await.is_some_and(|held| held.as_slice() == sum) {
                Ok(true)
            } else {
                large::bring(uplink, &self.store, (env, path), facts).await
            }
        };
        drop(turn);
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        if coming.get(&sum).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            coming.remove(&sum);
        }
        drop(coming);
        brought.map_err(|error| match error {
            large::Failure::Disk(error) => on_disk(path, &error),
            large::Failure::Ask(error) => failed(path, &error),
        })
    }

    async fn held(&self, env: &str, path: &str) -> Option<[u8; 32]> {
        let file = self.store.open(env, path)?;
        if file.stat().size <= SMALL {
            return self.store.sum(&file);
        }
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.sum(&file)).await.ok()?
    }

    fn lock_manifests(&self) -> std::sync::MutexGuard<'_, Vec<(Place, ByteBuf, Arc<Manifest>)>> {
        self.manifests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(env: &str, path: &str) -> Result<(), FetchError> {
    for part in [env, path] {
        inside(part).map_err(|error| FetchError(error.to_string()))?;
    }
    Ok(())
}

/// Keeps content that came whole; false when it is not what it was said to be: the file changed meanwhile.
fn put(store: &Store, env: &str, path: &str, facts: &FileFacts, content: &[u8]) -> Result<bool, FetchError> {
    let sum = fleet_common::digest::of_bytes("sha256", content).unwrap_or_default();
    match <[u8; 32]>::try_from(sum) {
        Ok(sum) if sum.as_slice() == facts.sha256.as_slice() => {
            store.put(env, path, content, sum).map_err(|error| on_disk(path, &error))?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Cuts a list into questions.
fn batches(files: Vec<(Wanted, u64)>) -> Vec<Vec<Wanted>> {
    let mut all: Vec<Vec<Wanted>> = Vec::new();
    let mut bytes = u64::MAX;
    for (wanted, size) in files {
        if bytes >= BATCH || all.last().is_none_or(|batch| batch.len() >= MOST_WANTED) {
            all.push(Vec::new());
            bytes = 0;
        }
        bytes = bytes.saturating_add(size + 64);
        if let Some(batch) = all.last_mut() {
            batch.push(wanted);
        }
    }
    all
}

/// One question and what is done with its answer: whether all that came is right, and what was left out.
async fn bring_batch(
    store: Arc<Store>,
    uplink: Uplink,
    env: String,
    mut batch: Vec<Wanted>,
) -> Result<(bool, Vec<Wanted>), FetchError> {
    let brought = ask::bring(&uplink, &env, batch.clone()).await.map_err(|error| failed(&env, &error))?;
    let write = move || {
        let left = batch.split_off(brought.len().min(batch.len()));
        let mut is_whole = true;
        for (wanted, brought) in batch.into_iter().zip(brought) {
            is_whole &= match (brought.facts, brought.content) {
                (Some(facts), Some(content)) => put(&store, &env, &wanted.path, &facts, &content)?,
                _ => false,
            };
        }
        Ok((is_whole, left))
    };
    tokio::task::spawn_blocking(write).await.map_err(|_| FetchError("the minion stops".to_owned()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_bounded_by_bytes_and_number() {
        let file = |size| (Wanted { path: String::new(), held: ByteBuf::new() }, size);
        let counts = |files: Vec<_>| batches(files).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(counts((0..2500).map(|_| file(0)).collect()), [1000, 1000, 500]);
        assert_eq!(counts((0..20).map(|_| file(SMALL)).collect()), [6, 6, 6, 2]);
        assert!(counts(Vec::new()).is_empty());
    }
}
