//! Jobs, their ledgers and their returns in the database of one day, and over all days.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::api::{Standing, Step};
use fleet_common::proto::job::{Job, Target};
use fleet_common::proto::ret::Return;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::database::{Database, Table};
use super::days::Days;
use super::rows::Rows;
use super::unsolicited::{Amount, Used};
use crate::jobs::initial;

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

/// What is kept of a target's way beside its first state and its return.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LedgerRow {
    /// The steps, oldest first.
    pub steps: Vec<Step>,
    /// Why it stands so, where the state alone does not say it.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A step to be written down.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// Whose.
    pub id: MinionId,
    /// What it becomes.
    pub state: Standing,
    /// When, milliseconds since 1970.
    pub at: u64,
    /// Why.
    pub reason: Option<String>,
}

/// A return as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// When it arrived, milliseconds since 1970 by the master's clock.
    pub at: u64,
    /// The return.
    pub ret: Return,
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
    /// Nobody asked for it and the quota of such returns is used up; it is not kept.
    OverQuota,
}

/// The tables of one day.
pub(super) struct JobTables {
    pub(super) database: Database,
    jobs: Rows,
    returns: Rows,
    pub(super) unsolicited: Rows,
    ledger: Rows,
    /// `expiry || jid` of every job that is not over: what a starting master takes up, without reading all.
    live: Table,
    unsolicited_used: Mutex<Used>,
}

impl JobTables {
    pub(super) fn open(database: Database) -> Result<Self, StoreError> {
        let path = database.path.clone();
        let rows = |table| Rows::open(&database, table);
        let unsolicited = rows("unsolicited")?;
        let mut used = Used::default();
        for row in unsolicited.scan(&path, b"") {
            let (key, value) = row?;
            let id = key.splitn(2, |byte| *byte == b'/').nth(1).and_then(id_of).ok_or_else(no_id)?;
            used.add(id, Amount::of(&value));
        }
        Ok(Self {
            jobs: rows("jobs")?,
            returns: rows("returns")?,
            ledger: rows("ledger")?,
            live: database.table("live")?,
            unsolicited,
            unsolicited_used: Mutex::new(used),
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
        self.live.insert(live_key(row.job.expires, &row.job.jid), &[]).map_err(StoreError::engine(path))?;
        Ok(())
    }

    pub(super) fn job(&self, jid: &Jid) -> Result<Option<JobRow>, StoreError> {
        self.jobs.get_message(&self.database.path, jid.as_str().as_bytes())
    }

    pub(super) fn has_job(&self, jid: &Jid) -> Result<bool, StoreError> {
        self.jobs.contains(&self.database.path, jid.as_str().as_bytes())
    }

    pub(super) fn put_return(&self, at: u64, ret: &Return) -> Result<(), StoreError> {
        self.returns.put_message(&self.database.path, &pair(&ret.jid, &ret.id), &(at, ret))
    }

    pub(super) fn has_return(&self, jid: &Jid, id: &MinionId) -> Result<bool, StoreError> {
        self.returns.contains(&self.database.path, &pair(jid, id))
    }

    pub(super) fn unsolicited_used(&self) -> MutexGuard<'_, Used> {
        self.unsolicited_used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds steps that lead forward; tells how many did. Targets that have answered are left as they are.
    pub(super) fn note(
        &self,
        row: &JobRow,
        notes: &[Note],
        answered: impl Fn(&MinionId) -> bool,
    ) -> Result<usize, StoreError> {
        let path = &self.database.path;
        let mut written = 0;
        for note in notes {
            if row.expected.binary_search(&note.id).is_err() || answered(&note.id) {
                continue;
            }
            let key = pair(&row.job.jid, &note.id);
            let mut kept: LedgerRow = self.ledger.get_message(path, &key)?.unwrap_or_default();
            let before = kept.steps.last().map_or_else(|| initial(row, &note.id), |step| step.state);
            if before.may_become(note.state) {
                kept.steps.push(Step { state: note.state, at: note.at });
                kept.reason = note.reason.clone();
                self.ledger.put_message(path, &key, &kept)?;
                written += 1;
            }
        }
        Ok(written)
    }

    /// Undoes [`JobTables::create`].
    pub(super) fn remove(&self, row: &JobRow) -> Result<(), StoreError> {
        let path = &self.database.path;
        self.live.remove(live_key(row.job.expires, &row.job.jid)).map_err(StoreError::engine(path))?;
        self.jobs.remove(path, row.job.jid.as_str().as_bytes())
    }

    /// The job is over. False when it is not known to be open here.
    pub(super) fn close(&self, jid: &Jid, expires: u64) -> Result<bool, StoreError> {
        let removed = self.live.remove(live_key(expires, jid)).map_err(StoreError::engine(&self.database.path))?;
        Ok(removed.is_some())
    }

    /// The job's time is over at `now`.
    pub(super) fn expire(&self, mut row: JobRow, now: u64) -> Result<(), StoreError> {
        let path = &self.database.path;
        let jid = row.job.jid.clone();
        self.live.remove(live_key(row.job.expires, &jid)).map_err(StoreError::engine(path))?;
        row.job.expires = row.job.expires.min(now);
        self.jobs.put_message(path, jid.as_str().as_bytes(), &row)?;
        self.live.insert(live_key(row.job.expires, &jid), &[]).map_err(StoreError::engine(path))?;
        Ok(())
    }

    fn ids_in(&self, rows: &Rows, jid: &Jid) -> Result<Vec<(MinionId, Vec<u8>)>, StoreError> {
        let prefix = [jid.as_str().as_bytes(), b"/"].concat();
        rows.scan(&self.database.path, &prefix)
            .map(|row| {
                let (key, value) = row?;
                Ok((id_of(&key[prefix.len()..]).ok_or_else(no_id)?, value))
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

    fn live(&self, before: u64) -> Result<Vec<Jid>, StoreError> {
        let path = &self.database.path;
        let mut jids = Vec::new();
        for key in self.live.below(before.to_be_bytes()).keys() {
            let key = key.map_err(StoreError::engine(path))?;
            let jid = key.get(8..).and_then(|jid| std::str::from_utf8(jid).ok()).and_then(|jid| jid.parse().ok());
            jids.push(jid.ok_or(StoreError::Corrupt { table: "live", why: "a key holds no job id".to_owned() })?);
        }
        Ok(jids)
    }
}

fn live_key(expires: u64, jid: &Jid) -> Vec<u8> {
    [&expires.to_be_bytes()[..], jid.as_str().as_bytes()].concat()
}

/// `jid/minion`; both are parsed types without a slash.
pub(super) fn pair(jid: &Jid, id: &MinionId) -> Vec<u8> {
    [jid.as_str().as_bytes(), b"/", id.as_str().as_bytes()].concat()
}

fn id_of(bytes: &[u8]) -> Option<MinionId> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn no_id() -> StoreError {
    StoreError::Corrupt { table: "returns", why: "a key holds no id".to_owned() }
}

/// The job wherever it is kept.
pub(super) fn find(days: &Days, jid: &Jid) -> Result<Option<(Arc<JobTables>, JobRow)>, StoreError> {
    if days.refused.contains(jid) { Ok(None) } else { find_even_refused(days, jid) }
}

/// As [`find`], also for a job that was refused.
pub(super) fn find_even_refused(days: &Days, jid: &Jid) -> Result<Option<(Arc<JobTables>, JobRow)>, StoreError> {
    for tables in days.all() {
        let tables = tables?;
        if let Some(row) = tables.job(jid)? {
            return Ok(Some((tables, row)));
        }
    }
    Ok(None)
}

/// All returns of a job, sorted by minion: late ones lie in later days than the job.
pub(super) fn returns(days: &Days, jid: &Jid) -> Result<Vec<Stored>, StoreError> {
    let mut found: Vec<Stored> = Vec::new();
    for tables in days.all() {
        let tables = tables?;
        for (_, bytes) in tables.ids_in(&tables.returns, jid)? {
            found.push(tables.returns.decode(&bytes)?);
        }
    }
    found.sort_by(|a, b| a.ret.id.cmp(&b.ret.id));
    found.dedup_by(|a, b| a.ret.id == b.ret.id);
    Ok(found)
}

/// Who answered a job.
pub(super) fn returned(days: &Days, jid: &Jid) -> Result<Vec<MinionId>, StoreError> {
    let mut found = Vec::new();
    for tables in days.all() {
        let tables = tables?;
        found.extend(tables.ids_in(&tables.returns, jid)?.into_iter().map(|(id, _)| id));
    }
    Ok(found)
}

/// What was noted of a job's targets beside their first state and their returns.
pub(super) fn noted(days: &Days, jid: &Jid) -> Result<Vec<(MinionId, LedgerRow)>, StoreError> {
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
    // Those of now and those of later: a refused job may be removed, and forgotten, in the middle of the listing.
    let before = days.refused.all();
    let mut found = Vec::new();
    for tables in days.all() {
        if found.len() >= most {
            break;
        }
        found.extend(tables?.summaries(most - found.len())?);
        found.retain(|job| !before.contains(&job.jid) && !days.refused.contains(&job.jid));
    }
    Ok(found)
}

/// Jobs that are not over and expire before `before`.
pub(super) fn live(days: &Days, before: u64) -> Result<Vec<Jid>, StoreError> {
    let refused = days.refused.all();
    let mut found = Vec::new();
    for tables in days.all() {
        found.extend(tables?.live(before)?);
    }
    found.retain(|jid| !refused.contains(jid) && !days.refused.contains(jid));
    Ok(found)
}

/// The largest id in use: new ones must be larger, whatever the clock says.
pub(super) fn newest_jid(days: &Days) -> Result<Option<Jid>, StoreError> {
    let mut newest = None;
    for tables in days.all() {
        newest = newest.max(tables?.summaries(1)?.pop().map(|summary| summary.jid));
    }
    Ok(newest)
}
