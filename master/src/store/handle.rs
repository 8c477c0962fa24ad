//! The handle everyone holds: asynchronous, cheap to clone.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::ret::Return;
use tokio::sync::{mpsc, oneshot};

use crate::health::Counter;

use super::days::Days;
use super::jobs::{self, JobRow, JobSummary, LedgerRow, Note, Recorded, Stored};
use super::mine::{Change, MineRow};
use super::minions::GrainsRow;
use super::slot::Slot;
use super::unsolicited::Amount;
use super::writer::{self, Answer, Shared, Write};
use super::{StoreError, days};

/// Writes that may wait for the writer; more wait with their senders.
const QUEUE: usize = 4096;

/// Where and how the store keeps things.
#[derive(Clone)]
pub struct StoreOptions {
    /// Its directory; one master only.
    pub dir: PathBuf,
    /// How long jobs are kept.
    pub keep: Duration,
    /// Most bytes of jobs and returns on disk.
    pub keep_bytes: u64,
    /// Memory of the page cache in bytes.
    pub cache_bytes: u64,
    /// Most returns kept that nobody asked for.
    pub unsolicited_rows: u64,
    /// Most bytes of them; never more than an eighth of `keep_bytes`.
    pub unsolicited_bytes: u64,
    /// The clock: milliseconds since 1970.
    pub now: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl StoreOptions {
    /// The usual bounds: one day, 4 GiB, 16 MiB of cache, 10,000 unsolicited returns of 64 MiB in all.
    pub fn new(dir: impl Into<PathBuf>, now: Arc<dyn Fn() -> u64 + Send + Sync>) -> Self {
        Self {
            dir: dir.into(),
            keep: Duration::from_secs(24 * 3600),
            keep_bytes: 4 << 30,
            cache_bytes: 16 << 20,
            unsolicited_rows: 10_000,
            unsolicited_bytes: 64 << 20,
            now,
        }
    }

    /// How much is kept that nobody asked for: whoever sends it must not drive out what was asked for.
    pub(super) fn unsolicited(&self) -> Amount {
        Amount { rows: self.unsolicited_rows, bytes: self.unsolicited_bytes.min(self.keep_bytes / 8) }
    }
}

/// The store. The last handle that goes ends the writer after it committed what was queued.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Write>,
}

/// A write on its way to the disk.
pub struct Commit<T>(oneshot::Receiver<Result<T, StoreError>>);

impl<T> Commit<T> {
    /// Waits until it is committed.
    pub async fn wait(self) -> Result<T, StoreError> {
        self.0.await.map_err(|_| StoreError::Closed)?
    }
}

impl Store {
    /// Opens or makes the store; blocks for some milliseconds.
    pub fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let dir: &Path = &options.dir;
        // Jobs hold secret arguments, returns hold what minions read: nobody else may look.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(StoreError::io(dir))?;
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700)).map_err(StoreError::io(dir))?;
        let days = days::Days::open(&dir.join("jobs"), options.cache_bytes)?;
        // The first job must not wait for the day's database to be made.
        days.today((options.now)())?;
        let (failed, dropped) = (Counter::default(), Counter::default());
        let shared = Arc::new(Shared { days, minions: Slot::default(), options, failed, dropped });
        shared.minions()?;
        let (queue, writes) = mpsc::channel(QUEUE);
        let theirs = shared.clone();
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer::run(&theirs, writes))
            .map_err(StoreError::io(&shared.options.dir))?;
        Ok(Self { shared, queue })
    }

    /// Creates a job; returns when it is as durable as its effect demands. An id that exists is an error.
    pub async fn create_job(&self, row: JobRow) -> Result<(), StoreError> {
        self.write(|answer| Write::CreateJob { row: Box::new(row), answer }).await
    }

    /// Keeps a return, once per job and minion. `known`: the caller knows that the job exists and expects this minion;
    /// else the store looks. `durable`: survives a power cut when this returns.
    pub async fn record(&self, ret: Arc<Return>, known: bool, durable: bool) -> Result<Recorded, StoreError> {
        self.begin_record(ret, known, durable).await?.wait().await
    }

    /// As [`Store::record`], but comes back when the return is queued; what it gives waits for the commit.
    pub async fn begin_record(
        &self,
        ret: Arc<Return>,
        known: bool,
        durable: bool,
    ) -> Result<Commit<Recorded>, StoreError> {
        self.begin(|answer| Write::Return { ret, known, durable, answer }).await
    }

    /// Moves targets of a job forward, those that have not answered and stand before what they are to become; tells
    /// how many moved.
    pub async fn note(&self, jid: Jid, notes: Vec<Note>) -> Result<usize, StoreError> {
        self.write(|answer| Write::Notes { jid, notes, answer: Some(answer) }).await
    }

    /// As [`Store::note`], without waiting for anything; false when the queue is full.
    pub fn try_note(&self, jid: &Jid, notes: Vec<Note>) -> bool {
        self.queue.try_send(Write::Notes { jid: jid.clone(), notes, answer: None }).is_ok()
    }

    /// The job is over: nothing is awaited any more. False when the queue is full; a later look finds it complete.
    pub fn try_close(&self, jid: &Jid, expires: u64) -> bool {
        self.queue.try_send(Write::Close { jid: jid.clone(), expires }).is_ok()
    }

    /// Ends a job's time at `now`.
    pub async fn expire(&self, jid: Jid, now: u64) -> Result<bool, StoreError> {
        self.write(|answer| Write::Expire { jid, now, answer }).await
    }

    /// Keeps a minion's grains.
    pub async fn put_grains(&self, id: MinionId, row: GrainsRow) -> Result<(), StoreError> {
        self.write(|answer| Write::Grains { id, row, answer }).await
    }

    /// Changes what a minion gives to others.
    pub async fn change_mine(&self, id: MinionId, change: Change) -> Result<(), StoreError> {
        self.write(|answer| Write::Mine { id, change, answer }).await
    }

    /// What these minions give to others, in the same order.
    pub async fn mine(&self, ids: Vec<MinionId>) -> Result<Vec<(MinionId, MineRow)>, StoreError> {
        let shared = self.shared.clone();
        blocking(move || {
            let minions = shared.minions()?;
            ids.into_iter().map(|id| minions.mine(&id).map(|row| (id, row))).collect()
        })
        .await
    }

    /// Forgets what is known of a minion.
    pub async fn forget(&self, id: MinionId) -> Result<(), StoreError> {
        self.write(|answer| Write::Forget { id, answer }).await
    }

    /// A job, if it is kept.
    pub async fn job(&self, jid: Jid) -> Result<Option<JobRow>, StoreError> {
        self.read(move |days| Ok(jobs::find(days, &jid)?.map(|(_, row)| row))).await
    }

    /// All returns of a job, sorted by minion.
    pub async fn returns(&self, jid: Jid) -> Result<Vec<Stored>, StoreError> {
        self.read(move |days| jobs::returns(days, &jid)).await
    }

    /// Who answered a job.
    pub async fn returned(&self, jid: Jid) -> Result<Vec<MinionId>, StoreError> {
        self.read(move |days| jobs::returned(days, &jid)).await
    }

    /// What was noted of a job's targets beside their first state and their returns.
    pub async fn noted(&self, jid: Jid) -> Result<Vec<(MinionId, LedgerRow)>, StoreError> {
        self.read(move |days| jobs::noted(days, &jid)).await
    }

    /// The newest jobs, at most `most`.
    pub async fn jobs(&self, most: usize) -> Result<Vec<JobSummary>, StoreError> {
        self.read(move |days| jobs::list(days, most)).await
    }

    /// Jobs that are not over and expire before `before` (milliseconds in the master's time).
    pub async fn live(&self, before: u64) -> Result<Vec<Jid>, StoreError> {
        self.read(move |days| jobs::live(days, before)).await
    }

    /// Writes that wait now.
    pub fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Commits that failed, as on a full disk.
    pub fn failed_commits(&self) -> u64 {
        self.shared.failed.count()
    }

    /// Databases of jobs that were dropped because of their age or of all jobs' size.
    pub fn dropped_parts(&self) -> u64 {
        self.shared.dropped.count()
    }

    /// The largest job id.
    pub async fn newest_jid(&self) -> Result<Option<Jid>, StoreError> {
        self.read(jobs::newest_jid).await
    }

    /// Goes over what every minion told last, one at a time: together they are large.
    pub async fn fold_grains<T: Send + 'static>(
        &self,
        start: T,
        mut step: impl FnMut(T, MinionId, GrainsRow) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = self.shared.clone();
        blocking(move || {
            let minions = shared.minions()?;
            minions.all().try_fold(start, |all, row| row.map(|(id, grains)| step(all, id, grains)))
        })
        .await
    }

    async fn write<T>(&self, make: impl FnOnce(Answer<T>) -> Write) -> Result<T, StoreError> {
        self.begin(make).await?.wait().await
    }

    async fn begin<T>(&self, make: impl FnOnce(Answer<T>) -> Write) -> Result<Commit<T>, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(make(answer)).await.map_err(|_| StoreError::Closed)?;
        Ok(Commit(answered))
    }

    async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Days) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = self.shared.clone();
        blocking(move || ask(&shared.days)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))
}
