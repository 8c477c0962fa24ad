//! Values of any size in a sled tree: what exceeds one row continues in rows of the tree's companion.
//!
//! sled keeps large values in files of their own that our fdatasync would not reach; no row exceeds 64 KiB here.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use super::database::{Database, Table};

/// Largest value of one row in bytes.
pub(super) const ROW: usize = 64 * 1024;

const WHOLE: u8 = 0;
const SPLIT: u8 = 1;

/// A tree whose values may have any size.
#[derive(Clone)]
pub(super) struct Rows {
    table: &'static str,
    heads: Table,
    parts: Table,
}

impl Rows {
    pub(super) fn open(database: &Database, table: &'static str) -> Result<Self, StoreError> {
        let heads = database.table(table)?;
        let parts = database.table(&format!("{table}+"))?;
        Ok(Self { table, heads, parts })
    }

    /// Writes a value. Parts go first: a crash in between leaves no head that points at nothing.
    pub(super) fn put(&self, path: &Path, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let mut head = Vec::with_capacity(value.len().min(ROW) + 1);
        if value.len() < ROW {
            head.push(WHOLE);
            head.extend_from_slice(value);
        } else {
            head.push(SPLIT);
            head.extend_from_slice(&(value.len() as u64).to_be_bytes());
            for (number, part) in (0u32..).zip(value.chunks(ROW)) {
                self.parts.insert(part_key(key, number), part).map_err(StoreError::engine(path))?;
            }
        }
        self.heads.insert(key, &head).map_err(StoreError::engine(path))?;
        Ok(())
    }

    pub(super) fn put_message<T: Serialize>(&self, path: &Path, key: &[u8], value: &T) -> Result<(), StoreError> {
        self.put(path, key, &fleet_common::proto::decode::encode(value))
    }

    pub(super) fn contains(&self, path: &Path, key: &[u8]) -> Result<bool, StoreError> {
        self.heads.contains_key(key).map_err(StoreError::engine(path))
    }

    pub(super) fn get(&self, path: &Path, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let head = self.heads.get(key).map_err(StoreError::engine(path))?;
        head.map_or(Ok(None), |head| self.whole(path, key, head))
    }

    pub(super) fn get_message<T: DeserializeOwned>(&self, path: &Path, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.get(path, key)?.map(|bytes| self.decode(&bytes)).transpose()
    }

    /// All values under keys that start with `prefix`, in key order, or backwards.
    pub(super) fn scan<'a>(
        &'a self,
        path: &'a Path,
        prefix: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<(sled::IVec, Vec<u8>), StoreError>> + 'a {
        self.heads.scan_prefix(prefix).filter_map(move |row| {
            let found = row.map_err(StoreError::engine(path)).and_then(|(key, head)| {
                let value = self.whole(path, &key, head)?;
                Ok(value.map(|value| (key, value)))
            });
            found.transpose()
        })
    }

    pub(super) fn remove(&self, path: &Path, key: &[u8]) -> Result<(), StoreError> {
        let head = self.heads.remove(key).map_err(StoreError::engine(path))?;
        if head.is_some_and(|head| head.first() == Some(&SPLIT)) {
            for row in self.parts.scan_prefix(part_prefix(key)).keys() {
                let row = row.map_err(StoreError::engine(path))?;
                self.parts.remove(row).map_err(StoreError::engine(path))?;
            }
        }
        Ok(())
    }

    pub(super) fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, StoreError> {
        rmp_serde::from_slice(bytes).map_err(|error| StoreError::Corrupt { table: self.table, why: error.to_string() })
    }

    /// The value of a head. `None` when it was removed since the head was read; a value that was replaced is read again.
    fn whole(&self, path: &Path, key: &[u8], mut head: sled::IVec) -> Result<Option<Vec<u8>>, StoreError> {
        loop {
            match self.join(path, key, &head) {
                Err(corrupt @ StoreError::Corrupt { .. }) => {
                    match self.heads.get(key).map_err(StoreError::engine(path))? {
                        None => return Ok(None),
                        Some(now) if now == head => return Err(corrupt),
                        Some(now) => head = now,
                    }
                }
                joined => return joined.map(Some),
            }
        }
    }

    fn join(&self, path: &Path, key: &[u8], head: &[u8]) -> Result<Vec<u8>, StoreError> {
        let corrupt = |why: &str| StoreError::Corrupt { table: self.table, why: why.to_owned() };
        match head.split_first() {
            Some((&WHOLE, value)) => Ok(value.to_vec()),
            Some((&SPLIT, size)) => {
                let size = size.try_into().map(u64::from_be_bytes).map_err(|_| corrupt("its size is missing"))?;
                let mut value = Vec::new();
                for row in self.parts.scan_prefix(part_prefix(key)).values() {
                    value.extend_from_slice(&row.map_err(StoreError::engine(path))?);
                }
                // A shorter value that replaced a longer one leaves parts behind.
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                if value.len() < size {
                    return Err(corrupt("parts are missing"));
                }
                value.truncate(size);
                Ok(value)
            }
            _ => Err(corrupt("its kind is unknown")),
        }
    }
}

fn part_prefix(key: &[u8]) -> Vec<u8> {
    // Keys hold no NUL: ids are parsed.
    [key, &[0]].concat()
}

fn part_key(key: &[u8], number: u32) -> Vec<u8> {
    [key, &[0], &number.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_values_come_back_whole() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(dir.path(), 1 << 20).unwrap();
        let rows = Rows::open(&database, "t").unwrap();
        for size in [0, 1, ROW - 1, ROW, ROW + 1, 5 * ROW, 3 * ROW + 7] {
            let value: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            rows.put(dir.path(), b"key", &value).unwrap();
            assert_eq!(rows.get(dir.path(), b"key").unwrap().unwrap(), value, "{size}");
        }
        rows.put(dir.path(), b"key2", &vec![1; 2 * ROW]).unwrap();
        rows.remove(dir.path(), b"key").unwrap();
        assert_eq!(rows.get(dir.path(), b"key").unwrap(), None);
        assert_eq!(rows.get(dir.path(), b"key2").unwrap().unwrap().len(), 2 * ROW);
        assert!(rows.parts.scan_prefix("").values().all(|part| part.unwrap().len() <= ROW));
    }

    #[test]
    fn what_is_removed_while_it_is_read_is_gone_and_what_lacks_parts_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(dir.path(), 1 << 20).unwrap();
        let rows = Rows::open(&database, "t").unwrap();
        let value = vec![7; 2 * ROW];
        for key in ["a", "b"] {
            rows.put(dir.path(), key.as_bytes(), &value).unwrap();
        }
        let read = rows.heads.get("a").unwrap().unwrap();
        rows.remove(dir.path(), b"a").unwrap();
        assert_eq!(rows.whole(dir.path(), b"a", read.clone()).unwrap(), None);
        rows.put(dir.path(), b"a", b"short").unwrap();
        assert_eq!(rows.whole(dir.path(), b"a", read).unwrap().as_deref(), Some(&b"short"[..]));
        rows.parts.remove(part_key(b"b", 0)).unwrap();
        assert!(rows.get(dir.path(), b"b").is_err());
        let found: Vec<bool> = rows.scan(dir.path(), b"").map(|row| row.is_ok()).collect();
        assert_eq!(found, [true, false]);
    }
}
