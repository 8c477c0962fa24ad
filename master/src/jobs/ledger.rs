//! All jobs that are not over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::job::Job;
use fleet_common::proto::ret::Progress;

use super::active::{Active, Sign};
use crate::publish::published_form;
use crate::store::{JobRow, Store, StoreError};

/// Most jobs in memory; the oldest that nobody follows goes first.
const MOST: usize = 20_000;
/// How long after its expiry a job that nobody follows stays in memory, in milliseconds.
const LINGER: u64 = 10 * 60 * 1000;

/// The living part of the ledger.
#[derive(Default)]
pub struct Jobs {
    active: Mutex<BTreeMap<Jid, Arc<Active>>>,
}

impl Jobs {
    /// Takes up the jobs that were unexpired when the master stopped.
    pub async fn load(store: &Store, now: u64) -> Result<Self, StoreError> {
        let jobs = Self::default();
        for row in store.unexpired(now).await? {
            let returned: Vec<MinionId> =
                store.returns(row.job.jid.clone()).await?.into_iter().map(|ret| ret.id).collect();
            jobs.enter(Arc::new(revived(row, &returned)));
        }
        Ok(jobs)
    }

    /// Enters a job; it must be stored already.
    pub fn enter(&self, job: Arc<Active>) {
        if job.is_complete() {
            return;
        }
        let mut active = self.lock();
        active.insert(job.job.jid.clone(), job);
        if active.len() > MOST {
            let oldest = active.iter().find(|(_, job)| !job.is_followed()).map(|(jid, _)| jid.clone());
            oldest.and_then(|jid| active.remove(&jid));
        }
    }

    /// A job that is not over.
    pub fn get(&self, jid: &Jid) -> Option<Arc<Active>> {
        self.lock().get(jid).cloned()
    }

    /// Drops a job that is complete.
    pub fn complete(&self, jid: &Jid) {
        self.lock().remove(jid);
    }

    /// Drops jobs whose time is over.
    pub fn sweep(&self, now: u64) {
        self.lock().retain(|_, job| job.job.expires.saturating_add(LINGER) > now || job.is_followed());
    }

    /// What a minion is owed: unexpired jobs meant for it that it has neither begun nor answered.
    pub fn owed(&self, id: &MinionId, begun: &[Jid], now: u64) -> Vec<Job> {
        let jobs = self.all();
        for jid in begun {
            if let Some(job) = jobs.iter().find(|job| job.job.jid == *jid) {
                job.sign(&Sign::Running(id.clone()));
            }
        }
        let owed = jobs.iter().filter(|job| job.job.expires > now && !begun.contains(&job.job.jid) && job.is_open(id));
        owed.map(|job| job.job.clone()).collect()
    }

    /// A minion's session began or ended, or it told what it runs.
    pub fn sign(&self, sign: &Sign) {
        for job in self.all() {
            job.sign(sign);
        }
    }

    /// A beat: the minion names the jobs it runs.
    pub fn beat(&self, id: &MinionId, running: &[Jid]) {
        for job in self.all() {
            let sign = if running.contains(&job.job.jid) { Sign::Running } else { Sign::Idle };
            job.sign(&sign(id.clone()));
        }
    }

    /// A running minion tells how far it is.
    pub fn progress(&self, id: &MinionId, progress: Progress) {
        if let Some(job) = self.get(&progress.jid) {
            job.sign(&Sign::Progress(id.clone(), progress));
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

fn revived(row: JobRow, returned: &[MinionId]) -> Active {
    let owed = |id: &&MinionId| !returned.contains(id) && (row.durable || row.down.binary_search(id).is_err());
    let open: Vec<MinionId> = row.expected.iter().filter(owed).cloned().collect();
    let (job, payload) = published_form(row.job);
    Active::new(job, payload, (row.expected, row.down), row.created, open)
}
