//! Returns that nobody asked for: kept apart, and no more of them than the quotas of all and of one minion allow.

use std::collections::HashMap;

use fleet_common::ids::MinionId;
use fleet_common::proto::decode::encode;
use fleet_common::proto::ret::Return;

use super::StoreError;
use super::days::Days;
use super::jobs::{JobTables, Recorded, pair};

/// One minion may use this part of what all together may.
const PART_OF_ONE: u64 = 8;

/// How much there is, or may be.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Amount {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Amount {
    /// A single row.
    pub(super) fn of(value: &[u8]) -> Self {
        Self { rows: 1, bytes: value.len() as u64 }
    }

    fn with(self, more: Self) -> Self {
        Self { rows: self.rows + more.rows, bytes: self.bytes + more.bytes }
    }

    fn exceeds(self, quota: Self) -> bool {
        self.rows > quota.rows || self.bytes > quota.bytes
    }

    fn of_one(self) -> Self {
        Self { rows: self.rows / PART_OF_ONE, bytes: self.bytes / PART_OF_ONE }
    }
}

/// What a database holds, in all and of each minion. Only accepted minions are in it.
#[derive(Debug, Default)]
pub(super) struct Used {
    all: Amount,
    of: HashMap<MinionId, Amount>,
}

impl Used {
    pub(super) fn add(&mut self, id: MinionId, more: Amount) {
        self.all = self.all.with(more);
        let own = self.of.entry(id).or_default();
        *own = own.with(more);
    }
}

/// Keeps a return that nobody asked for apart in `today`. The quota is for all databases together: whoever sends such
/// returns day after day, or so many that the day is divided, drives no job out, nor the few of other minions. A minion of
/// which nothing is kept may have one return that is larger than its part.
pub(super) fn put(days: &Days, today: &JobTables, ret: &Return, quota: Amount) -> Result<Recorded, StoreError> {
    let key = pair(&ret.jid, &ret.id);
    let value = encode(ret);
    let more = Amount::of(&value);
    let (mut all, mut own) = (more, more);
    for tables in days.all() {
        let tables = tables?;
        if tables.unsolicited.contains(&tables.database.path, &key)? {
            return Ok(Recorded::Duplicate);
        }
        let used = tables.unsolicited_used();
        all = all.with(used.all);
        own = own.with(used.of.get(&ret.id).copied().unwrap_or_default());
    }
    if all.exceeds(quota) || (own.rows > 1 && own.exceeds(quota.of_one())) {
        return Ok(Recorded::OverQuota);
    }
    today.unsolicited.put(&today.database.path, &key, &value)?;
    today.unsolicited_used().add(ret.id.clone(), more);
    Ok(Recorded::Unsolicited)
}
