//! Manifests, made once for all who ask at the same time.
//!
//! A manifest is good for those who asked before its walk began: whoever saves a file and then applies a state gets the
//! new file, and a thousand minions that ask together cost two walks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use fleet_common::digest;
use fleet_common::files::{FileError, FileSource, Listing};
use fleet_common::proto::decode::encode;
use fleet_common::proto::files::{Entry, Manifest};
use serde_bytes::ByteBuf;
use tokio::sync::Mutex as AsyncMutex;

use super::index::Index;
use super::server::facts;

/// Files up to this size are read for their checksum when a manifest is made.
const EAGER: u64 = 1024 * 1024;

/// Environment and prefix.
type Place = (String, String);

/// A manifest with its digest.
#[derive(Debug)]
pub struct Made {
    /// Digest of the manifest.
    pub digest: ByteBuf,
    /// The manifest; empty when it would be too large.
    pub manifest: Manifest,
    /// Files there are.
    pub files: usize,
    /// Bytes of the manifest as a message.
    pub size: usize,
}

struct Last {
    begun: Instant,
    made: Result<Arc<Made>, FileError>,
}

/// Those manifests that somebody waits for.
#[derive(Default)]
pub struct Manifests {
    places: Mutex<HashMap<Place, Arc<AsyncMutex<Option<Last>>>>>,
}

impl Manifests {
    /// The manifest of a place as it is now. `make` is run by one of those who ask.
    pub async fn get<F>(&self, place: Place, make: impl FnOnce(Place) -> F) -> Result<Arc<Made>, FileError>
    where
        F: Future<Output = Result<Made, FileError>>,
    {
        let asked = Instant::now();
        let slot = self.lock().entry(place.clone()).or_default().clone();
        let answer = {
            let mut last = slot.lock().await;
            match &*last {
                Some(last) if last.begun >= asked => last.made.clone(),
                _ => {
                    let begun = Instant::now();
                    let made = make(place.clone()).await.map(Arc::new);
                    *last = Some(Last { begun, made: made.clone() });
                    made
                }
            }
        };
        let mut places = self.lock();
        drop(slot);
        // Nobody else holds it: it would only take memory.
        if places.get(&place).is_some_and(|slot| Arc::strong_count(slot) == 1) {
            places.remove(&place);
        }
        answer
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Arc<AsyncMutex<Option<Last>>>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Walks the place and sums what is small or known.
pub fn make(source: &dyn FileSource, index: &Index, (env, prefix): &Place, most: usize) -> Result<Made, FileError> {
    let Listing { files, directories } = source.listing(env, prefix)?;
    let count = files.len();
    if count > most {
        return Ok(Made { digest: ByteBuf::new(), manifest: Manifest::default(), files: count, size: 0 });
    }
    let mut entries = Vec::with_capacity(count);
    for (path, stat) in files {
        let mut known = facts(&stat);
        if let Some(sum) = index.get(stat.version.as_ref()) {
            known.sha256 = ByteBuf::from(sum);
        } else if stat.size <= EAGER {
            // A file that vanished since it was listed is none.
            let Some(file) = source.open(env, &path)? else { continue };
            let sum =
                index.sum(&file).map_err(|error| FileError::Failed { path: path.clone(), why: error.to_string() })?;
            known = facts(file.stat());
            known.link = stat.link;
            known.sha256 = ByteBuf::from(sum);
        }
        entries.push(Entry { path, facts: known });
    }
    let manifest = Manifest { files: entries, directories };
    let encoded = encode(&manifest);
    let digest = digest::of_bytes("sha256", &encoded).unwrap_or_default();
    Ok(Made { digest: ByteBuf::from(digest), manifest, files: count, size: encoded.len() })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn those_who_ask_together_share_a_walk_that_began_after_they_asked() {
        let manifests = Arc::new(Manifests::default());
        let walks = Arc::new(AtomicUsize::new(0));
        let ask = |pause: u64| {
            let (manifests, walks) = (manifests.clone(), walks.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                let before = walks.load(Ordering::SeqCst);
                let make = async |_| {
                    let number = walks.fetch_add(1, Ordering::SeqCst) + 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Ok(Made { digest: ByteBuf::new(), manifest: Manifest::default(), files: number, size: 0 })
                };
                let made = manifests.get(("base".into(), String::new()), make).await.unwrap();
                assert!(made.files > before, "walk {} began before the question", made.files);
            })
        };
        let all: Vec<_> = (0..100).map(|n| ask(n % 40)).collect();
        for one in all {
            one.await.unwrap();
        }
        assert!(walks.load(Ordering::SeqCst) <= 3);
        assert!(manifests.lock().is_empty());
    }
}
