//! Jobs that were refused after they were written: the disk said no when they were to be committed, and may have taken
//! them all the same. Nobody sees them, and they are removed as soon as the disk takes that.
//!
//! Which they are outlives the process in a file that has its room on the disk from the start.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fleet_common::ids::Jid;

use super::StoreError;

/// Room of the file: a line for each of three thousand jobs. No commit has as many writes.
const ROOM: usize = 64 * 1024;

/// The refused jobs.
pub(super) struct Refused {
    path: PathBuf,
    file: File,
    jids: Mutex<BTreeSet<Jid>>,
}

impl Refused {
    /// Reads the file, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let io = || StoreError::io(path);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let mut file = open.map_err(io())?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(io())?;
        if text.len() < ROOM {
            file.write_all(&vec![b'\n'; ROOM - text.len()]).and_then(|()| file.sync_all()).map_err(io())?;
        }
        let jids = text.lines().filter_map(|line| line.parse().ok()).collect();
        Ok(Self { path: path.to_owned(), file, jids: Mutex::new(jids) })
    }

    /// True when this job was refused and may still be there.
    pub(super) fn contains(&self, jid: &Jid) -> bool {
        self.lock().contains(jid)
    }

    /// True when nothing is to be removed.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Jid> {
        self.lock().iter().cloned().collect()
    }

    /// Adds jobs.
    pub(super) fn add(&self, jids: impl IntoIterator<Item = Jid>) {
        let mut kept = self.lock();
        let before = kept.len();
        kept.extend(jids);
        if kept.len() > before {
            self.write(&kept);
        }
    }

    /// They are removed.
    pub(super) fn clear(&self) {
        let mut kept = self.lock();
        kept.clear();
        self.write(&kept);
    }

    fn write(&self, jids: &BTreeSet<Jid>) {
        let mut text: Vec<u8> = jids.iter().flat_map(|jid| [jid.as_str().as_bytes(), b"\n"].concat()).collect();
        text.resize(ROOM, b'\n');
        // In place: a full disk has room for it.
        if let Err(error) = self.file.write_all_at(&text, 0).and_then(|()| self.file.sync_data()) {
            tracing::error!(%error, path = %self.path.display(), "refused jobs could not be written down");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Jid>> {
        self.jids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_jobs_are_known_over_restarts_until_they_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("refused");
        let jids = ["20261120120000123000", "20261120120000123001"].map(|jid| jid.parse::<Jid>().unwrap());
        Refused::open(&path).unwrap().add(jids.clone());
        let again = Refused::open(&path).unwrap();
        assert_eq!(again.all(), jids);
        assert!(again.contains(&jids[1]));
        assert_eq!(path.metadata().unwrap().len(), ROOM as u64);
        again.clear();
        assert!(Refused::open(&path).unwrap().is_empty());
        assert_eq!(path.metadata().unwrap().len(), ROOM as u64);
    }
}
