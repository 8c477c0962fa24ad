//! All jobs that are not over.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::api::{Cancelled, Standing};
use fleet_common::proto::job::Job;
use fleet_common::proto::ret::Progress;

use super::active::{Active, Parts, Sign};
use super::settle::{self, GRACE};
use super::view::initial;
use crate::health::Counter;
use crate::minions::Minions;
use crate::publish::published_form;
use crate::store::{JobRow, LedgerRow, Note, Store, StoreError};

/// Most jobs in memory; the oldest that nobody follows goes first and is settled from the store.
const MOST: usize = 20_000;
/// Most targets settled in one write.
const AT_ONCE: usize = 1000;

/// The living part of the ledger.
pub struct Jobs {
    active: Mutex<BTreeMap<Jid, Arc<Active>>>,
    store: Store,
    /// Notes that found the store's queue full.
    unwritten: Counter,
    /// Jobs that left memory because there were too many.
    evicted: Counter,
    /// Signs that followers of jobs that are over did not take.
    unheard: Counter,
}

/// What is counted of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobCounts {
    /// In memory, because somebody has not answered.
    pub open: usize,
    /// Steps that were not written: the store had too much to do. Final ones always are.
    pub unwritten: u64,
    /// Signs of life that were not passed on: a follower did not read.
    pub unheard: u64,
    /// Jobs that left memory before they were over; they are settled from the store.
    pub evicted: u64,
}

impl Jobs {
    /// Takes up the jobs that were not over when the master stopped.
    pub async fn load(store: &Store) -> Result<Self, StoreError> {
        let jobs = Self {
            active: Mutex::default(),
            store: store.clone(),
            unwritten: Counter::default(),
            evicted: Counter::default(),
            unheard: Counter::default(),
        };
        for jid in store.live(u64::MAX).await? {
            jobs.revive(&jid).await?;
        }
        Ok(jobs)
    }

    /// Takes a job up from the store; one that turns out to be over is closed there.
    async fn revive(&self, jid: &Jid) -> Result<Option<Arc<Active>>, StoreError> {
        let Some(row) = self.store.job(jid.clone()).await? else { return Ok(None) };
        let returned: HashSet<MinionId> = self.store.returned(jid.clone()).await?.into_iter().collect();
        let noted: HashMap<MinionId, LedgerRow> = self.store.noted(jid.clone()).await?.into_iter().collect();
        let job = Arc::new(revived(row, &returned, &noted));
        if job.is_complete() {
            self.close(&job);
            return Ok(None);
        }
        self.enter(job.clone());
        Ok(Some(job))
    }

    /// Enters a job; it must be stored already.
    pub fn enter(&self, job: Arc<Active>) {
        if job.is_complete() {
            return self.close(&job);
        }
        let mut active = self.lock();
        active.insert(job.job.jid.clone(), job);
        if active.len() > MOST {
            let oldest = active.iter().find(|(_, job)| !job.is_followed()).map(|(jid, _)| jid.clone());
            if oldest.and_then(|jid| active.remove(&jid)).is_some() {
                self.evicted.add();
            }
        }
    }

    /// A job that is not over.
    pub fn get(&self, jid: &Jid) -> Option<Arc<Active>> {
        self.lock().get(jid).cloned()
    }

    /// Drops a job that is complete.
    pub fn complete(&self, job: &Active) {
        self.lock().remove(&job.job.jid);
        self.unheard.more(job.unheard());
        self.close(job);
    }

    /// Lets the store forget that the job is open. Should that be lost, it is found complete again.
    fn close(&self, job: &Active) {
        self.store.try_close(&job.job.jid, job.expires());
    }

    /// What is counted of them.
    pub fn counts(&self) -> JobCounts {
        let active = self.lock();
        let unheard = self.unheard.count() + active.values().map(|job| job.unheard()).sum::<u64>();
        let (unwritten, evicted) = (self.unwritten.count(), self.evicted.count());
        JobCounts { open: active.len(), unwritten, unheard, evicted }
    }

    /// Gives up the targets of jobs whose time is over: each gets its final state. `now` is the master's time, `at`
    /// the time that is written down.
    pub async fn settle(&self, minions: &Minions, now: u64, at: u64) -> Result<(), StoreError> {
        let over = self.store.live(now.saturating_sub(GRACE)).await?;
        // A job that retention dropped before it was over is known to nobody any more.
        let kept: HashSet<&Jid> = over.iter().collect();
        self.lock().retain(|jid, job| job.expires() >= now.saturating_sub(GRACE) || kept.contains(jid));
        for jid in over {
            let active = self.get(&jid);
            let job = match active {
                Some(job) => job,
                None => match self.revive(&jid).await? {
                    Some(job) => job,
                    None => continue,
                },
            };
            let over = now.saturating_sub(job.expires());
            let open = job.open().into_iter();
            let verdicts = open.filter_map(|(id, open)| {
                let (state, why) = settle::judge(&open, minions.is_up(&id), over)?;
                Some(Note { id, state, at, reason: Some(why.to_owned()) })
            });
            self.give_up(&job, verdicts.collect()).await?;
        }
        Ok(())
    }

    /// Writes final states down, then ends the waits.
    async fn give_up(&self, job: &Active, notes: Vec<Note>) -> Result<(), StoreError> {
        for notes in notes.chunks(AT_ONCE) {
            self.store.note(job.job.jid.clone(), notes.to_vec()).await?;
            for note in notes {
                job.advance(&note.id, note.state);
            }
        }
        if job.is_complete() {
            self.complete(job);
        }
        Ok(())
    }

    /// Ends a job's time: what has not started does not. `None` when there is no such job.
    pub async fn cancel(&self, jid: &Jid, by: &str, now: u64, at: u64) -> Result<Option<Cancelled>, StoreError> {
        let Some(job) = self.get(jid) else {
            let nobody = || Cancelled { stopped: Vec::new(), under_way: Vec::new() };
            return Ok(self.store.job(jid.clone()).await?.map(|_| nobody()));
        };
        self.store.expire(jid.clone(), now).await?;
        job.expire(now);
        let (waiting, rest): (Vec<_>, Vec<_>) =
            job.open().into_iter().partition(|(_, open)| open.state == Standing::Expected);
        let reason = format!("cancelled by {by} before it came online");
        let notes = waiting.iter().map(|(id, _)| {
            let reason = Some(reason.clone());
            Note { id: id.clone(), state: Standing::Expired, at, reason }
        });
        self.give_up(&job, notes.collect()).await?;
        let ids = |targets: Vec<(MinionId, _)>| {
            let mut ids: Vec<MinionId> = targets.into_iter().map(|(id, _)| id).collect();
            ids.sort();
            ids
        };
        Ok(Some(Cancelled { stopped: ids(waiting), under_way: ids(rest) }))
    }

    /// What a minion is owed: unexpired jobs meant for it that it has neither begun nor answered. It names all that it
    /// has begun; a job that it had begun and does not name is interrupted and never sent again.
    pub fn owed(&self, id: &MinionId, begun: &[Jid], now: u64, at: u64) -> Vec<Job> {
        let begun: HashSet<&Jid> = begun.iter().collect();
        let mut owed = Vec::new();
        for job in self.all() {
            let Some(standing) = job.standing(id) else { continue };
            if begun.contains(&job.job.jid) {
                self.hear(&job, &Sign::Running(id.clone()), at);
            } else if standing.may_have_begun() {
                let (state, why) = settle::FORGOTTEN;
                self.move_on(&job, id, state, Some(why), at);
            } else if job.expires() > now {
                self.move_on(&job, id, Standing::Sent, None, at);
                owed.push(job.job.clone());
            }
        }
        owed
    }

    fn move_on(&self, job: &Active, id: &MinionId, state: Standing, reason: Option<&str>, at: u64) {
        if job.advance(id, state) {
            self.write(job, Note { id: id.clone(), state, at, reason: reason.map(str::to_owned) });
            if job.is_complete() {
                self.complete(job);
            }
        }
    }

    fn hear(&self, job: &Active, sign: &Sign, at: u64) {
        if let Some(state) = job.sign(sign) {
            self.write(job, Note { id: sign.id().clone(), state, at, reason: None });
        }
    }

    /// A step that is not final is written when the store has room for it.
    fn write(&self, job: &Active, note: Note) {
        if !self.store.try_note(&job.job.jid, vec![note]) {
            self.unwritten.add();
        }
    }

    /// A minion's session began or ended.
    pub fn sign(&self, sign: &Sign) {
        let attentive: Vec<_> = self.lock().values().filter(|job| job.is_attentive()).cloned().collect();
        for job in attentive {
            job.sign(sign);
        }
    }

    /// A beat: the minion names the jobs it runs and those that wait there.
    pub fn beat(&self, id: &MinionId, running: &[Jid], queued: &[Jid], at: u64) {
        let mut silent = Vec::new();
        {
            let active = self.lock();
            let named = |jid: &Jid| running.contains(jid) || queued.contains(jid);
            silent.extend(active.iter().filter(|(jid, job)| job.is_attentive() && !named(jid)).map(|(_, j)| j.clone()));
        }
        for job in silent {
            job.sign(&Sign::Idle(id.clone()));
        }
        let named = running.iter().map(|jid| (jid, Sign::Running(id.clone())));
        for (jid, sign) in named.chain(queued.iter().map(|jid| (jid, Sign::Queued(id.clone())))) {
            if let Some(job) = self.get(jid) {
                self.hear(&job, &sign, at);
            }
        }
    }

    /// A running minion tells how far it is.
    pub fn progress(&self, id: &MinionId, progress: Progress, at: u64) {
        if let Some(job) = self.get(&progress.jid) {
            self.hear(&job, &Sign::Progress(id.clone(), progress), at);
        }
    }

    /// Jobs that are not over, the oldest first.
    pub fn all(&self) -> Vec<Arc<Active>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Jid, Arc<Active>>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn revived(row: JobRow, returned: &HashSet<MinionId>, noted: &HashMap<MinionId, LedgerRow>) -> Active {
    let standing = |id: &MinionId| {
        let last = noted.get(id).and_then(|noted| noted.steps.last());
        last.map_or_else(|| initial(&row, id), |step| step.state)
    };
    let awaited = row.expected.iter().filter(|id| !returned.contains(*id)).map(|id| (id.clone(), standing(id)));
    let open: Vec<_> = awaited.filter(|(_, state)| !state.is_final()).collect();
    Active::new(
        Parts {
            published: published_form(row.job),
            expected: row.expected,
            down: row.down,
            durable: row.durable,
            created: row.created,
        },
        open,
    )
}
