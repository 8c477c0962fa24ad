//! The thread that writes: whatever is queued is applied and committed together.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::ret::Return;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::health::Counter;

use super::days::Days;
use super::jobs::{self, JobRow, JobTables, Note, Recorded};
use super::mine::Change;
use super::minions::{GrainsRow, MinionTables};
use super::slot::Slot;
use super::unsolicited;
use super::{StoreError, StoreOptions};

/// Most writes of one commit: bounds how long the first of them waits.
const GROUP: usize = 2048;
/// How often retention looks, besides the change of the day.
const RETAIN_EVERY: Duration = Duration::from_secs(3600);
/// How often is looked how much there is, while there are writes.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How often is tried to remove what was refused.
const REMOVE_EVERY: Duration = Duration::from_millis(250);

/// Where an acknowledgement goes.
pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// One write and where its acknowledgement goes.
pub(super) enum Write {
    CreateJob {
        row: Box<JobRow>,
        answer: Answer<()>,
    },
    /// `known`: the writer need not look whether the job exists and expects this minion.
    Return {
        ret: Arc<Return>,
        known: bool,
        durable: bool,
        answer: Answer<Recorded>,
    },
    /// Nobody waits for notes without an answer: they are committed with what comes next to them.
    Notes {
        jid: Jid,
        notes: Vec<Note>,
        answer: Option<Answer<usize>>,
    },
    Close {
        jid: Jid,
        expires: u64,
    },
    Expire {
        jid: Jid,
        now: u64,
        answer: Answer<bool>,
    },
    Grains {
        id: MinionId,
        row: GrainsRow,
        answer: Answer<()>,
    },
    Mine {
        id: MinionId,
        change: Change,
        answer: Answer<()>,
    },
    Forget {
        id: MinionId,
        answer: Answer<()>,
    },
}

/// What is left of a write once it is applied: told the fate of the commit.
type Settle = Box<dyn FnOnce(Result<(), StoreError>)>;

pub(super) struct Shared {
    pub(super) options: StoreOptions,
    pub(super) days: Days,
    pub(super) minions: Slot<MinionTables>,
    /// Commits that failed.
    pub(super) failed: Counter,
    /// Databases that retention dropped.
    pub(super) dropped: Counter,
}

impl Shared {
    /// The database of the minions' own data.
    pub(super) fn minions(&self) -> Result<Arc<MinionTables>, StoreError> {
        self.minions.get(|| MinionTables::open(&self.options.dir.join("minions"), self.options.cache_bytes / 4))
    }
}

/// Runs until every handle is gone; what is queued then is still committed.
pub(super) fn run(shared: &Shared, mut queue: mpsc::Receiver<Write>) {
    let mut retention = Retention { last: None, measured: Instant::now() };
    let mut group = Vec::new();
    while let Some(first) = next(shared, &mut queue) {
        group.push(first);
        while group.len() < GROUP {
            match queue.try_recv() {
                Ok(write) => group.push(write),
                Err(_) => break,
            }
        }
        let work = || {
            commit_group(shared, &mut group);
            retention.look(shared);
        };
        // The engine panics at some faults of the disk: whoever waits is told, and the next commit finds it closed or well.
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            shared.failed.add();
            group.clear();
        }
    }
}

/// When was looked for what may go.
struct Retention {
    /// The day and the time.
    last: Option<(u64, Instant)>,
    /// When was looked how much there is.
    measured: Instant,
}

impl Retention {
    /// Divides the day when it has grown, and drops what is too old or too much, each now and then.
    fn look(&mut self, shared: &Shared) {
        let now = (shared.options.now)();
        let day = now / 86_400_000;
        let mut divided = false;
        if self.measured.elapsed() > LOOK_EVERY {
            self.measured = Instant::now();
            divided = shared.days.divide(shared.options.keep_bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, "another part of the day could not be begun");
                false
            });
        }
        if divided || self.last.is_none_or(|(last, at)| last != day || at.elapsed() > RETAIN_EVERY) {
            self.last = Some((day, Instant::now()));
            match shared.days.retain(now, shared.options.keep, shared.options.keep_bytes) {
                Ok(0) => {}
                Ok(parts) => {
                    shared.dropped.more(parts as u64);
                    tracing::info!(parts, "dropped old jobs");
                }
                Err(error) => tracing::warn!(%error, "old jobs could not be dropped"),
            }
        }
    }
}

/// The next write; what was refused is removed meanwhile, as soon as the disk takes that.
fn next(shared: &Shared, queue: &mut mpsc::Receiver<Write>) -> Option<Write> {
    while !shared.days.refused.is_empty() {
        match queue.try_recv() {
            Ok(write) => return Some(write),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        if let Err(error) = remove_refused(shared) {
            tracing::debug!(%error, "refused jobs are not removed yet");
            std::thread::sleep(REMOVE_EVERY);
        }
    }
    queue.blocking_recv()
}

/// Removes jobs that were refused when they were to be committed, should they be there.
fn remove_refused(shared: &Shared) -> Result<(), StoreError> {
    let refused = &shared.days.refused;
    if refused.is_empty() {
        return Ok(());
    }
    let mut commit = Commit::new(shared);
    let applied = refused.all().iter().try_for_each(|jid| commit.remove(jid));
    // What failed is closed, and opened again by the next attempt.
    commit.finish().and(applied)?;
    refused.clear();
    Ok(())
}

fn commit_group(shared: &Shared, group: &mut Vec<Write>) {
    let mut commit = Commit::new(shared);
    // A disk that does not let them be removed takes no further jobs.
    commit.closed = remove_refused(shared).err();
    let settles: Vec<Settle> = group.drain(..).map(|write| commit.apply(write)).collect();
    let created = std::mem::take(&mut commit.created);
    let outcome = commit.finish();
    if let Err(error) = &outcome {
        shared.failed.add();
        tracing::error!(%error, "a commit failed");
        shared.days.refused.add(created);
    }
    for settle in settles {
        settle(outcome.clone());
    }
}

/// The databases a group touched, each with whether it must survive a power cut.
struct Commit<'a> {
    shared: &'a Shared,
    days: Vec<(Arc<JobTables>, bool)>,
    minions: Option<bool>,
    /// The job that notes were written for last: thousands of its targets follow each other.
    noted: Option<(Arc<JobTables>, JobRow)>,
    /// The jobs of the group.
    created: Vec<Jid>,
    /// Why none may be created.
    closed: Option<StoreError>,
}

impl<'a> Commit<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self { shared, days: Vec::new(), minions: None, noted: None, created: Vec::new(), closed: None }
    }

    fn apply(&mut self, write: Write) -> Settle {
        match write {
            Write::CreateJob { row, answer } => settle(self.create(&row), answer),
            Write::Return { ret, known, durable, answer } => {
                let applied = if known { self.record(&ret, durable) } else { self.record_unknown(&ret, durable) };
                settle(applied, answer)
            }
            Write::Notes { jid, notes, answer } => {
                let noted = self.note(&jid, &notes);
                match answer {
                    Some(answer) => settle(noted, answer),
                    None => unheard(noted.map(drop)),
                }
            }
            Write::Close { jid, expires } => unheard(self.close(&jid, expires)),
            Write::Expire { jid, now, answer } => settle(self.expire(&jid, now), answer),
            Write::Grains { id, row, answer } => {
                self.minions.get_or_insert(false);
                settle(self.shared.minions().and_then(|minions| minions.put_grains(&id, &row)), answer)
            }
            Write::Mine { id, change, answer } => {
                self.minions.get_or_insert(false);
                settle(self.shared.minions().and_then(|minions| minions.change_mine(&id, change)), answer)
            }
            Write::Forget { id, answer } => {
                self.minions = Some(true);
                settle(self.shared.minions().and_then(|minions| minions.forget(&id)), answer)
            }
        }
    }

    fn touch(&mut self, tables: &Arc<JobTables>, durable: bool) {
        match self.days.iter_mut().find(|(touched, _)| Arc::ptr_eq(touched, tables)) {
            Some((_, needs)) => *needs |= durable,
            None => self.days.push((tables.clone(), durable)),
        }
    }

    fn create(&mut self, row: &JobRow) -> Result<(), StoreError> {
        if let Some(error) = &self.closed {
            return Err(error.clone());
        }
        let tables = self.shared.days.today((self.shared.options.now)())?;
        self.touch(&tables, row.job.changes || row.durable);
        let created = tables.create(row);
        match &created {
            Ok(()) => self.created.push(row.job.jid.clone()),
            Err(StoreError::Exists(_)) => {}
            // Some of it may be there.
            Err(_) => self.shared.days.refused.add([row.job.jid.clone()]),
        }
        created
    }

    fn remove(&mut self, jid: &Jid) -> Result<(), StoreError> {
        let Some((tables, row)) = jobs::find_even_refused(&self.shared.days, jid)? else { return Ok(()) };
        self.touch(&tables, true);
        tables.remove(&row)
    }

    fn record(&mut self, ret: &Return, durable: bool) -> Result<Recorded, StoreError> {
        let now = (self.shared.options.now)();
        let today = self.shared.days.today(now)?;
        if today.has_return(&ret.jid, &ret.id)? {
            self.touch(&today, durable);
            return Ok(Recorded::Duplicate);
        }
        // A job that is older than this database may have been answered in one before it.
        if !today.has_job(&ret.jid)? {
            for tables in self.shared.days.all() {
                if tables?.has_return(&ret.jid, &ret.id)? {
                    return Ok(Recorded::Duplicate);
                }
            }
        }
        self.touch(&today, durable);
        today.put_return(now, ret)?;
        Ok(Recorded::New)
    }

    fn record_unknown(&mut self, ret: &Return, durable: bool) -> Result<Recorded, StoreError> {
        match jobs::find(&self.shared.days, &ret.jid)? {
            Some((_, row)) if row.expected.binary_search(&ret.id).is_ok() => self.record(ret, durable),
            _ => {
                let today = self.shared.days.today((self.shared.options.now)())?;
                self.touch(&today, false);
                unsolicited::put(&self.shared.days, &today, ret, self.shared.options.unsolicited())
            }
        }
    }

    fn note(&mut self, jid: &Jid, notes: &[Note]) -> Result<usize, StoreError> {
        if self.noted.as_ref().is_none_or(|(_, row)| row.job.jid != *jid) {
            self.noted = jobs::find(&self.shared.days, jid)?;
        }
        let Some((tables, row)) = self.noted.take() else { return Ok(0) };
        let days = self.shared.days.all().into_iter().collect::<Result<Vec<_>, _>>()?;
        self.touch(&tables, false);
        // A return that can not be looked for is taken as not there: it counts more whenever it is found.
        let noted = tables.note(&row, notes, |id| days.iter().any(|day| day.has_return(jid, id).unwrap_or(false)));
        self.noted = Some((tables, row));
        noted
    }

    fn close(&mut self, jid: &Jid, expires: u64) -> Result<(), StoreError> {
        for tables in self.shared.days.all() {
            let tables = tables?;
            if tables.close(jid, expires)? {
                self.touch(&tables, false);
                break;
            }
        }
        Ok(())
    }

    fn expire(&mut self, jid: &Jid, now: u64) -> Result<bool, StoreError> {
        let Some((tables, row)) = jobs::find(&self.shared.days, jid)? else { return Ok(false) };
        self.touch(&tables, true);
        tables.expire(row, now)?;
        Ok(true)
    }

    fn finish(self) -> Result<(), StoreError> {
        let shared = self.shared;
        // Nothing of the group may hold tables that are closed here.
        drop(self.noted);
        let mut outcome = Ok(());
        for (tables, durable) in self.days {
            if let Err(error) = tables.database.commit(durable) {
                shared.days.close(tables);
                outcome = Err(error);
            }
        }
        if let Some(durable) = self.minions {
            let tables = shared.minions()?;
            if let Err(error) = tables.database.commit(durable) {
                shared.minions.close(tables);
                outcome = Err(error);
            }
        }
        outcome
    }
}

/// The fate of a write that nobody waits for.
fn unheard(applied: Result<(), StoreError>) -> Settle {
    Box::new(move |_| {
        if let Err(error) = applied {
            tracing::warn!(%error, "the ledger could not be written");
        }
    })
}

fn settle<T: 'static>(applied: Result<T, StoreError>, answer: Answer<T>) -> Settle {
    Box::new(move |committed| {
        // Who asked may be gone; the write stands all the same.
        let _ = answer.send(applied.and_then(|value| committed.map(|()| value)));
    })
}
