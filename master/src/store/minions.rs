//! What minions tell of themselves, in a database that outlives all jobs.

use std::path::Path;

use bytes::Bytes;
use fleet_common::ids::MinionId;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::StoreError;
use super::database::Database;
use super::mine::{Change, MineRow};
use super::rows::Rows;

/// The grains a minion sent last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GrainsRow {
    /// The hash the minion announced with its session; it sends its grains again when it differs.
    pub hash: ByteBuf,
    /// Milliseconds since 1970 when they arrived.
    pub at: u64,
    /// The grains as msgpack.
    pub grains: Bytes,
}

pub(super) struct MinionTables {
    pub(super) database: Database,
    grains: Rows,
    mine: Rows,
}

impl MinionTables {
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let database = Database::open(dir, cache_bytes)?;
        let grains = Rows::open(&database, "grains")?;
        let mine = Rows::open(&database, "mine")?;
        Ok(Self { database, grains, mine })
    }

    pub(super) fn put_grains(&self, id: &MinionId, row: &GrainsRow) -> Result<(), StoreError> {
        self.grains.put_message(&self.database.path, id.as_str().as_bytes(), row)
    }

    pub(super) fn forget(&self, id: &MinionId) -> Result<(), StoreError> {
        self.grains.remove(&self.database.path, id.as_str().as_bytes())?;
        self.mine.remove(&self.database.path, id.as_str().as_bytes())
    }

    /// What a minion gives to others.
    pub(super) fn mine(&self, id: &MinionId) -> Result<MineRow, StoreError> {
        let row = self.mine.get_message(&self.database.path, id.as_str().as_bytes())?;
        Ok(row.unwrap_or_default())
    }

    /// Changes it.
    pub(super) fn change_mine(&self, id: &MinionId, change: Change) -> Result<(), StoreError> {
        let (key, path) = (id.as_str().as_bytes(), &self.database.path);
        let row = change.apply(self.mine(id)?)?;
        if row.is_empty() { self.mine.remove(path, key) } else { self.mine.put_message(path, key, &row) }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Result<(MinionId, GrainsRow), StoreError>> + '_ {
        let rows = self.grains.scan(&self.database.path, b"");
        rows.map(|row| {
            let (key, value) = row?;
            let id = std::str::from_utf8(&key).ok().and_then(|id| id.parse().ok());
            let id = id.ok_or(StoreError::Corrupt { table: "grains", why: "a key holds no id".to_owned() })?;
            Ok((id, self.grains.decode(&value)?))
        })
    }
}
