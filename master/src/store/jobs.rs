//! Jobs, their ledgers and their returns in the database of one day, and over all days.

use std::sync::Arc;

use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::api::Standing;
use fleet_common::proto::decode::encode;
use fleet_common::proto::job::{Job, Target};
use fleet_common::proto::ret::Return;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::days::{Database, Days};
use super::rows::Rows;

/// A job as stored: what was published, who was meant, and the arguments even when they travel by reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    /// The job with its arguments.
    pub job: Job,
    /// The target as the operator wrote it.
    pub target: Target,
    /// The minions it is meant for, sorted.
    pub expected: Vec<MinionId>,
    /// Those of them that were down when it was published and will not run it.
    #[serde(default)]
    pub down: Vec<MinionId>,
    /// Milliseconds since 1970 when it arrived.
    pub created: u64,
    /// True when minions that come online before it expires still run it.
    #[serde(default)]
    pub durable: bool,
}

/// One line of a list of jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobSummary {
    /// Its id.
    pub jid: Jid,
    /// The function.
    pub fun: String,
    /// Its arguments by position.
    pub arg: Vec<fleet_common::value::Value>,
    /// The target as written.
    pub target: Target,
    /// Who asked.
    pub user: String,
    /// Milliseconds since 1970 when it arrived.
    pub created: u64,
    /// How many minions it is meant for.
    pub expected: u64,
}

/// What became of a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is kept with its job.
    New,
    /// It was kept before; nothing changed.
    Duplicate,
    /// Nobody asked for it; it is kept apart.
    Unsolicited,
    /// Nobody asked for it and the day's quota is used up; it is not kept.
    OverQuota,
}

/// How much nobody-asked-for is kept a day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quota {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// The tables of one day.
pub(super) struct JobTables {
    pub(super) database: Database,
    jobs: Rows,
    returns: Rows,
    unsolicited: Rows,
    ledger: Rows,
    /// `expiry || jid` of every job, so that a starting master finds the unexpired ones without reading all.
    live: sled::Tree,
    unsolicited_used: std::sync::Mutex<(u64, u64)>,
}

impl JobTables {
    pub(super) fn open(database: Database) -> Result<Self, StoreError> {
        let path = database.path.clone();
        let rows = |table| Rows::open(&database.db, &path, table);
        let unsolicited = rows("unsolicited")?;
        let mut used = (0, 0);
        for row in unsolicited.scan(&path, b"") {
            used.0 += 1;
            used.1 += row?.1.len() as u64;
        }
        Ok(Self {
            jobs: rows("jobs")?,
            returns: rows("returns")?,
            ledger: rows("ledger")?,
            live: database.db.open_tree("live").map_err(StoreError::engine(&path))?,
            unsolicited,
            unsolicited_used: std::sync::Mutex::new(used),
            database,
        })
    }

    pub(super) fn create(&self, row: &JobRow) -> Result<(), StoreError> {
        let path = &self.database.path;
        let key = row.job.jid.as_str().as_bytes();
        if self.jobs.contains(path, key)? {
            return Err(StoreError::Exists(row.job.jid.clone()));
        }
        self.jobs.put_message(path, key, row)?;
        let live = [&row.job.expires.to_be_bytes()[..], key].concat();
        self.live.insert(live, &[]).map_err(StoreError::engine(path))?;
        Ok(())
    }

    pub(super) fn job(&self, jid: &Jid) -> Result<Option<JobRow>, StoreError> {
        self.jobs.get_message(&self.database.path, jid.as_str().as_bytes())
    }

    pub(super) fn put_return(&self, ret: &Return) -> Result<(), StoreError> {
        self.returns.put_message(&self.database.path, &pair(&ret.jid, &ret.id), ret)
    }

    pub(super) fn has_return(&self, jid: &Jid, id: &MinionId) -> Result<bool, StoreError> {
        self.returns.contains(&self.database.path, &pair(jid, id))
    }

    pub(super) fn put_unsolicited(&self, ret: &Return, quota: Quota) -> Result<Recorded, StoreError> {
        let path = &self.database.path;
        let key = pair(&ret.jid, &ret.id);
        if self.unsolicited.contains(path, &key)? {
            return Ok(Recorded::Duplicate);
        }
        let value = encode(ret);
        let mut used = self.unsolicited_used.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if used.0 + 1 > quota.rows || used.1 + value.len() as u64 > quota.bytes {
            return Ok(Recorded::OverQuota);
        }
        used.0 += 1;
        used.1 += value.len() as u64;
        self.unsolicited.put(path, &key, &value)?;
        Ok(Recorded::Unsolicited)
    }

    pub(super) fn standing(&self, jid: &Jid, id: &MinionId) -> Result<Option<Standing>, StoreError> {
        self.ledger.get_message(&self.database.path, &pair(jid, id))
    }

    pub(super) fn put_standing(&self, jid: &Jid, id: &MinionId, to: Standing) -> Result<(), StoreError> {
        self.ledger.put_message(&self.database.path, &pair(jid, id), &to)
    }

    fn ids_in(&self, rows: &Rows, jid: &Jid) -> Result<Vec<(MinionId, Vec<u8>)>, StoreError> {
        let prefix = [jid.as_str().as_bytes(), b"/"].concat();
        rows.scan(&self.database.path, &prefix)
            .map(|row| {
                let (key, value) = row?;
                let id = std::str::from_utf8(&key[prefix.len()..]).ok().and_then(|id| id.parse().ok());
                let id = id.ok_or(StoreError::Corrupt { table: "returns", why: "a key holds no id".to_owned() })?;
                Ok((id, value))
            })
            .collect()
    }

    fn summaries(&self, most: usize) -> Result<Vec<JobSummary>, StoreError> {
        let rows = self.jobs.scan(&self.database.path, b"").rev().take(most);
        rows.map(|row| {
            let row: JobRow = self.jobs.decode(&row?.1)?;
            Ok(JobSummary {
                jid: row.job.jid,
                fun: row.job.fun.to_string(),
                arg: row.job.arg,
                target: row.target,
                user: row.job.user,
                created: row.created,
                expected: row.expected.len() as u64,
            })
        })
        .collect()
    }

    fn unexpired(&self, now: u64) -> Result<Vec<JobRow>, StoreError> {
        let path = &self.database.path;
        let mut rows = Vec::new();
        for key in self.live.range(now.to_be_bytes()..).keys() {
            let key = key.map_err(StoreError::engine(path))?;
            rows.extend(self.jobs.get_message(path, &key[8..])?);
        }
        Ok(rows)
    }
}

/// `jid/minion`; both are parsed types without a slash.
fn pair(jid: &Jid, id: &MinionId) -> Vec<u8> {
    [jid.as_str().as_bytes(), b"/", id.as_str().as_bytes()].concat()
}

/// The job wherever it is kept.
pub(super) fn find(days: &Days, jid: &Jid) -> Result<Option<(Arc<JobTables>, JobRow)>, StoreError> {
    for tables in days.all() {
        let tables = tables?;
        if let Some(row) = tables.job(jid)? {
            return Ok(Some((tables, row)));
        }
    }
    Ok(None)
}

/// All returns of a job, sorted by minion: late ones lie in later days than the job.
pub(super) fn returns(days: &Days, jid: &Jid) -> Result<Vec<Return>, StoreError> {
    let mut found: Vec<Return> = Vec::new();
    for tables in days.all() {
        let tables = tables?;
        for (_, bytes) in tables.ids_in(&tables.returns, jid)? {
            found.push(tables.returns.decode(&bytes)?);
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.dedup_by(|a, b| a.id == b.id);
    Ok(found)
}

/// Standings that were set beside what returns tell.
pub(super) fn standings(days: &Days, jid: &Jid) -> Result<Vec<(MinionId, Standing)>, StoreError> {
    let mut found = Vec::new();
    for tables in days.all() {
        let tables = tables?;
        for (id, bytes) in tables.ids_in(&tables.ledger, jid)? {
            found.push((id, tables.ledger.decode(&bytes)?));
        }
    }
    Ok(found)
}

/// The newest jobs, at most `most`.
pub(super) fn list(days: &Days, most: usize) -> Result<Vec<JobSummary>, StoreError> {
    let mut found = Vec::new();
    for tables in days.all() {
        if found.len() >= most {
            break;
        }
        found.extend(tables?.summaries(most - found.len())?);
    }
    Ok(found)
}

/// Jobs that may still start at `now`.
pub(super) fn unexpired(days: &Days, now: u64) -> Result<Vec<JobRow>, StoreError> {
    let mut found = Vec::new();
    for tables in days.all() {
        found.extend(tables?.unexpired(now)?);
    }
    Ok(found)
}

/// The largest id in use: new ones must be larger, whatever the clock says.
pub(super) fn newest_jid(days: &Days) -> Result<Option<Jid>, StoreError> {
    let Some(tables) = days.all().into_iter().next() else { return Ok(None) };
    Ok(tables?.summaries(1)?.pop().map(|summary| summary.jid))
}
