//! What changed since the engine was last brought to disk, in a file beside it: a group of changes is committed by one
//! write to this file, where the engine would wake its threads and wait for the disk.
//!
//! Opening applies the changes again, in order: each sets or removes one key, so that doing it twice is as good as once.
//! From time to time the engine is brought to disk and the file begins anew.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fleet_common::frames::{HEADER, frame, payload};
use serde_bytes::{ByteBuf, Bytes};

use super::StoreError;

/// Size of the file from which on it begins anew: what opening has to do again.
const FULL: u64 = 2 << 20;
/// Largest group that is written here; the engine takes larger ones itself.
const GROUP: usize = 1 << 20;

/// A change of one key in one tree; no value when it was removed.
pub(super) type Change = (String, ByteBuf, Option<ByteBuf>);

/// The file.
pub(super) struct Redo {
    path: PathBuf,
    file: File,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Changes since the last group, encoded.
    group: Vec<u8>,
    /// The group grew over its bound and is not kept.
    overflowed: bool,
    /// Where the next frame goes.
    end: u64,
}

impl Redo {
    /// Opens or makes the file; gives the changes that are to be applied again. A torn end was never acknowledged.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Change>), StoreError> {
        let io = || StoreError::io(path);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let mut file = open.map_err(io())?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io())?;
        let (mut changes, mut end) = (Vec::new(), 0);
        while let Some(mut group) = payload(&bytes[end..], GROUP) {
            end += HEADER + group.len();
            while !group.is_empty() {
                let change = rmp_serde::from_read(&mut group);
                let corrupt =
                    |error: rmp_serde::decode::Error| StoreError::Corrupt { table: "redo", why: error.to_string() };
                changes.push(change.map_err(corrupt)?);
            }
        }
        let state = Mutex::new(State { end: end as u64, ..State::default() });
        Ok((Self { path: path.to_owned(), file, state }, changes))
    }

    /// Notes a change that the engine was told.
    pub(super) fn note(&self, tree: &str, key: &[u8], value: Option<&[u8]>) {
        let mut state = self.lock();
        if !state.overflowed {
            // A vector takes everything.
            let _ = rmp_serde::encode::write(&mut state.group, &(tree, Bytes::new(key), value.map(Bytes::new)));
            state.overflowed = state.group.len() > GROUP;
        }
        if state.overflowed {
            state.group = Vec::new();
        }
    }

    /// Commits what was noted: it survives a killed process, with `durable` a power cut, too. False when the engine has
    /// to be brought to disk, and this file to be begun anew.
    pub(super) fn commit(&self, durable: bool) -> Result<bool, StoreError> {
        let mut state = self.lock();
        if state.overflowed {
            return Ok(false);
        }
        if !state.group.is_empty() {
            let bytes = frame(&std::mem::take(&mut state.group));
            // The next frame goes over one that was torn.
            self.file.write_all_at(&bytes, state.end).map_err(self.failed())?;
            state.end += bytes.len() as u64;
        }
        if durable {
            self.file.sync_data().map_err(self.failed())?;
        }
        Ok(state.end < FULL)
    }

    /// Forgets everything: the engine was brought to disk.
    pub(super) fn clear(&self) -> Result<(), StoreError> {
        let mut state = self.lock();
        // Old changes must not come back over newer ones of the engine.
        self.file.set_len(0).and_then(|()| self.file.sync_all()).map_err(self.failed())?;
        *state = State::default();
        Ok(())
    }

    /// The database failed, whichever of its files it was.
    fn failed(&self) -> impl FnOnce(std::io::Error) -> StoreError + '_ {
        |error| StoreError::engine(self.path.parent().unwrap_or(&self.path))(sled::Error::Io(error))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(tree: &str, key: &[u8], value: Option<&[u8]>) -> Change {
        (tree.to_owned(), ByteBuf::from(key), value.map(ByteBuf::from))
    }

    #[test]
    fn whole_groups_come_back_in_order_and_a_torn_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("redo");
        let (redo, before) = Redo::open(&path).unwrap();
        assert!(before.is_empty());
        redo.note("a", b"1", Some(b"x"));
        redo.note("a", b"1", None);
        assert!(redo.commit(true).unwrap());
        redo.note("b", b"2", Some(b""));
        assert!(redo.commit(false).unwrap());
        let whole = path.metadata().unwrap().len();
        redo.note("b", b"3", Some(b"torn"));
        assert!(redo.commit(false).unwrap());
        let wanted = vec![change("a", b"1", Some(b"x")), change("a", b"1", None), change("b", b"2", Some(b""))];
        for cut in whole..path.metadata().unwrap().len() {
            OpenOptions::new().write(true).open(&path).unwrap().set_len(cut).unwrap();
            assert_eq!(Redo::open(&path).unwrap().1, wanted, "{cut}");
        }
        // What follows goes over the torn end.
        let (redo, _) = Redo::open(&path).unwrap();
        redo.note("b", b"4", Some(b"new"));
        assert!(redo.commit(false).unwrap());
        assert_eq!(Redo::open(&path).unwrap().1.len(), 4);
        redo.clear().unwrap();
        assert!(Redo::open(&path).unwrap().1.is_empty());
    }

    #[test]
    fn what_is_too_large_is_left_to_the_engine() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("redo");
        let (redo, _) = Redo::open(&path).unwrap();
        let row = vec![7; 64 * 1024];
        for number in 0..40u8 {
            redo.note("a", &[number], Some(&row));
        }
        assert!(!redo.commit(false).unwrap());
        assert_eq!(path.metadata().unwrap().len(), 0);
        redo.clear().unwrap();
        // Many small groups fill the file.
        let groups = (0..100u8).take_while(|number| {
            redo.note("a", &[*number], Some(&row));
            redo.commit(false).unwrap()
        });
        assert_eq!(groups.count(), 31);
    }
}
