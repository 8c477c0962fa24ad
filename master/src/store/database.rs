//! One database of the engine: its trees, whose changes are committed together, and how they survive.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sled::IVec;

use super::StoreError;
use super::redo::Redo;

/// How the engine ends the name of a snapshot that it still writes.
const UNFINISHED: &str = ".generating";
/// The file of the changes that the engine has not brought to disk.
const REDO: &str = "redo";

/// A database with the handle that makes its commits survive a power cut.
pub(super) struct Database {
    pub(super) path: PathBuf,
    db: sled::Db,
    file: File,
    redo: Arc<Redo>,
}

/// A tree of a database. Its changes count once they are committed.
#[derive(Clone)]
pub(super) struct Table {
    name: Arc<str>,
    tree: sled::Tree,
    redo: Arc<Redo>,
}

impl Database {
    /// Opens or makes a database. What a killed process had committed is there.
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        remove_unfinished(path)?;
        let db = sled::Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            // The writer thread flushes; a second flusher would only compete with it.
            .flush_every_ms(None)
            .open()
            .map_err(StoreError::engine(path))?;
        let file_path = path.join("db");
        let file = File::open(&file_path).map_err(StoreError::io(&file_path))?;
        let (redo, changes) = Redo::open(&path.join(REDO))?;
        for (tree, key, value) in changes {
            let tree = db.open_tree(tree).map_err(StoreError::engine(path))?;
            let again = match value {
                Some(value) => tree.insert(key, value.into_vec()),
                None => tree.remove(key),
            };
            again.map_err(StoreError::engine(path))?;
        }
        Ok(Self { path: path.to_owned(), db, file, redo: Arc::new(redo) })
    }

    /// A tree by its name.
    pub(super) fn table(&self, name: &str) -> Result<Table, StoreError> {
        let tree = self.db.open_tree(name).map_err(StoreError::engine(&self.path))?;
        Ok(Table { name: name.into(), tree, redo: self.redo.clone() })
    }

    /// Makes everything written so far survive a killed process, or with `durable` a power cut.
    pub(super) fn commit(&self, durable: bool) -> Result<(), StoreError> {
        if self.redo.commit(durable)? { Ok(()) } else { self.settle() }
    }

    /// Brings the engine to disk, so that opening has nothing to do again.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(StoreError::engine(&self.path))?;
        self.file.sync_data().map_err(StoreError::io(&self.path))?;
        self.redo.clear()
    }
}

impl Table {
    /// Sets a key.
    pub(super) fn insert(&self, key: impl AsRef<[u8]>, value: &[u8]) -> sled::Result<()> {
        self.tree.insert(&key, value)?;
        self.redo.note(&self.name, key.as_ref(), Some(value));
        Ok(())
    }

    /// Removes a key; gives what it had.
    pub(super) fn remove(&self, key: impl AsRef<[u8]>) -> sled::Result<Option<IVec>> {
        let removed = self.tree.remove(&key)?;
        if removed.is_some() {
            self.redo.note(&self.name, key.as_ref(), None);
        }
        Ok(removed)
    }

    /// What a key has.
    pub(super) fn get(&self, key: impl AsRef<[u8]>) -> sled::Result<Option<IVec>> {
        self.tree.get(key)
    }

    /// True when there is such a key.
    pub(super) fn contains_key(&self, key: impl AsRef<[u8]>) -> sled::Result<bool> {
        self.tree.contains_key(key)
    }

    /// The keys that start with `prefix`, in order.
    pub(super) fn scan_prefix(&self, prefix: impl AsRef<[u8]>) -> sled::Iter {
        self.tree.scan_prefix(prefix)
    }

    /// The keys below `end`, in order.
    pub(super) fn below(&self, end: impl AsRef<[u8]>) -> sled::Iter {
        self.tree.range(..end)
    }
}

/// Removes snapshots that a kill or a full disk left unfinished: the engine takes them for finished ones that are
/// damaged, and would never open again.
fn remove_unfinished(path: &Path) -> Result<(), StoreError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io(path)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(StoreError::io(path))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(UNFINISHED) {
            tracing::warn!(file = %entry.path().display(), "an unfinished snapshot of the database was removed");
            fs::remove_file(entry.path()).map_err(StoreError::io(&entry.path()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files as a killed process leaves them: the engine's first, so that it knows less than the changes beside it.
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &target);
            } else {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }

    #[test]
    fn what_was_committed_is_there_after_a_kill_and_nothing_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let (path, copied) = (dir.path().join("now"), dir.path().join("killed"));
        let database = Database::open(&path, 1 << 20).unwrap();
        let table = database.table("t").unwrap();
        table.insert("settled", b"1").unwrap();
        table.insert("gone", b"1").unwrap();
        database.settle().unwrap();
        table.insert("new", b"2").unwrap();
        table.remove("gone").unwrap();
        table.insert("settled", b"3").unwrap();
        database.commit(false).unwrap();
        table.insert("never committed", b"4").unwrap();
        copy(&path, &copied);
        let again = Database::open(&copied, 1 << 20).unwrap();
        let table = again.table("t").unwrap();
        let rows: Vec<_> = table.scan_prefix("").map(|row| row.unwrap()).collect();
        assert_eq!(rows, [(IVec::from("new"), IVec::from("2")), (IVec::from("settled"), IVec::from("3"))]);
        again.settle().unwrap();
        assert_eq!(fs::metadata(copied.join(REDO)).unwrap().len(), 0);
        assert_eq!(table.get("new").unwrap(), Some(IVec::from("2")));
    }

    #[test]
    fn the_engine_is_brought_to_disk_when_much_was_changed() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(dir.path(), 1 << 20).unwrap();
        let table = database.table("t").unwrap();
        let redo = dir.path().join(REDO);
        let mut largest = 0;
        for number in 0..100u8 {
            table.insert([number], &[number; 60_000]).unwrap();
            database.commit(false).unwrap();
            largest = largest.max(redo.metadata().unwrap().len());
        }
        assert!((1 << 20..4 << 20).contains(&largest), "{largest}");
        assert!(redo.metadata().unwrap().len() < largest);
        assert_eq!(table.scan_prefix("").count(), 100);
    }
}
