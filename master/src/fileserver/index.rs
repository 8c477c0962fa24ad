//! Checksums of served files, kept by the state of the file they were made of.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use fleet_common::digest::Digest;
use fleet_common::files::{Opened, Version};

/// Checksums in each generation; all that were not asked for since the last change of generations are forgotten.
const GENERATION: usize = 50_000;

/// SHA-256 of files.
#[derive(Default)]
pub struct Index {
    generations: Mutex<[HashMap<Version, [u8; 32]>; 2]>,
}

impl Index {
    /// The checksum of a file in this state, if it is known.
    pub fn get(&self, version: Option<&Version>) -> Option<[u8; 32]> {
        let version = version?;
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sum) = generations[0].get(version) {
            return Some(*sum);
        }
        let sum = generations[1].remove(version)?;
        put(&mut generations, *version, sum);
        Some(sum)
    }

    /// The checksum of an open file: known, or made now.
    pub fn sum(&self, file: &Opened) -> io::Result<[u8; 32]> {
        let version = file.stat().version;
        if let Some(sum) = self.get(version.as_ref()) {
            return Ok(sum);
        }
        let is_settled = version.as_ref().is_some_and(settle);
        let mut digest = Digest::new("sha256").ok_or(io::ErrorKind::Unsupported)?;
        file.pieces(|piece| {
            digest.update(piece);
            Ok(())
        })?;
        let sum: [u8; 32] = digest.finish().try_into().map_err(|_| io::ErrorKind::Unsupported)?;
        if let Some(version) = version.filter(|_| is_settled) {
            put(&mut self.generations.lock().unwrap_or_else(PoisonError::into_inner), version, sum);
        }
        Ok(sum)
    }
}

fn put(generations: &mut [HashMap<Version, [u8; 32]>; 2], version: Version, sum: [u8; 32]) {
    if generations[0].len() >= GENERATION {
        generations[1] = std::mem::take(&mut generations[0]);
    }
    generations[0].insert(version, sum);
}

/// Waits until a later change would show in the file's time; false when that can't be known.
fn settle(version: &Version) -> bool {
    let left = version.settles_in(now());
    left.filter(|left| !left.is_zero()).into_iter().for_each(std::thread::sleep);
    left.is_some()
}

/// Nanoseconds since 1970.
pub(crate) fn now() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128)
}

#[cfg(test)]
mod tests {
    use fleet_common::files::{FileSource, Roots};

    use super::*;

    #[test]
    fn a_file_that_changes_within_a_tick_gets_its_new_checksum() {
        let dir = tempfile::tempdir().unwrap();
        let roots = Roots::new([("base".to_owned(), vec![dir.path().to_owned()])].into());
        let index = Index::default();
        for round in 0..50u8 {
            // Same size, written in place: only the time tells.
            std::fs::write(dir.path().join("x"), [round; 64]).unwrap();
            let file = roots.open("base", "x").unwrap().unwrap();
            let wanted = fleet_common::digest::of_bytes("sha256", &[round; 64]).unwrap();
            assert_eq!(index.sum(&file).unwrap().as_slice(), wanted, "{round}");
            assert_eq!(index.get(file.stat().version.as_ref()).unwrap().as_slice(), wanted);
        }
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_bounded() {
        let index = Index::default();
        let version = |inode| Version { device: 1, inode, size: 1, modified: 0, changed: 0 };
        for inode in 0..5 * GENERATION as u64 {
            put(&mut index.generations.lock().unwrap(), version(inode), [0; 32]);
            assert!(index.get(Some(&version(0))).is_some(), "{inode}");
        }
        let held: usize = index.generations.lock().unwrap().iter().map(HashMap::len).sum();
        assert!(held <= 2 * GENERATION, "{held}");
    }
}
