//! Compiled pillar, kept for as long as nothing it was made of changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fleet_common::digest;
use fleet_common::files::FileSource;
use fleet_common::ids::MinionId;
use fleet_common::proto::decode::{Limits, decode, encode};
use fleet_common::value::Map;

use super::Wanted;
use super::watched::Seen;

/// Bytes in each generation; what was not asked for since the last change of generations is forgotten.
const GENERATION: usize = 24 * 1024 * 1024;

/// Whose pillar, in which environments.
type Key = (MinionId, Option<String>, Option<String>);

struct Entry {
    /// Digest of the grains it was made for.
    grains: Vec<u8>,
    seen: Seen,
    /// The pillar as a message: a fraction of what it takes as values.
    packed: Vec<u8>,
}

impl Entry {
    fn size(&self) -> usize {
        self.packed.len() + self.seen.size() + 256
    }
}

#[derive(Default)]
struct Generations {
    young: HashMap<Key, Arc<Entry>>,
    bytes: usize,
    old: HashMap<Key, Arc<Entry>>,
}

/// Pillar by minion. In memory only.
#[derive(Default)]
pub struct Cache {
    generations: Mutex<Generations>,
}

/// What decides over a pillar beside the files.
pub struct Input {
    key: Key,
    grains: Vec<u8>,
}

impl Input {
    /// `None` for a pillar that is nobody's usual one: overrides are given once.
    pub fn of(wanted: &Wanted) -> Option<Self> {
        let key = (wanted.id.clone(), wanted.saltenv.clone(), wanted.pillarenv.clone());
        wanted.overrides.is_empty().then(|| Self { key, grains: sum(&wanted.grains) })
    }
}

fn sum(grains: &Map) -> Vec<u8> {
    digest::of_bytes("sha256", &encode(grains)).unwrap_or_default()
}

impl Cache {
    /// The pillar that would come out again.
    pub fn get(&self, input: &Input, source: &dyn FileSource) -> Option<Map> {
        let entry = self.find(&input.key).filter(|entry| entry.grains == input.grains)?;
        // Outside of the lock: this looks at every file.
        if !entry.seen.is_current(source) {
            return None;
        }
        decode(&entry.packed, Limits::SESSION).ok()
    }

    fn find(&self, key: &Key) -> Option<Arc<Entry>> {
        let mut all = self.lock();
        if let Some(entry) = all.young.get(key) {
            return Some(entry.clone());
        }
        let entry = all.old.remove(key)?;
        all.put(key.clone(), entry.clone());
        Some(entry)
    }

    /// Keeps a pillar that came out without faults.
    pub fn put(&self, input: Input, seen: Seen, pillar: &Map) {
        let entry = Entry { grains: input.grains, seen, packed: encode(pillar) };
        if entry.size() <= GENERATION / 4 && entry.seen.can_be_kept() {
            self.lock().put(input.key, Arc::new(entry));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn put(&mut self, key: Key, entry: Arc<Entry>) {
        if self.bytes >= GENERATION {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += entry.size();
        if let Some(before) = self.young.insert(key, entry) {
            self.bytes -= before.size();
        }
    }
}
