//! The directory of the jobs that run or wait for a worker now.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fleet_common::ids::Jid;
use fleet_common::proto::ret::Progress;
use fleet_common::proto::worker::Running;
use rustix::process::Signal;

use crate::system::signal_session;

#[derive(Debug)]
struct Entry {
    job: Running,
    /// The signal somebody here has sent to it.
    signalled: Option<i32>,
    /// Tells a job that waits for a worker that it is not wanted any more.
    cancel: std::sync::Arc<tokio::sync::Notify>,
    /// Somebody wants to know how far it is.
    watched: bool,
    /// How far it is, once that is known.
    progress: Option<Progress>,
}

/// The directory; shared by reference.
#[derive(Debug, Default)]
pub struct Directory(Mutex<BTreeMap<Jid, Entry>>);

impl Directory {
    /// Enters a job, which somebody watches or not; the result wakes when the job is to be given up before it runs.
    pub fn enter(&self, job: Running, watched: bool) -> std::sync::Arc<tokio::sync::Notify> {
        let cancel = std::sync::Arc::new(tokio::sync::Notify::new());
        let entry = Entry { job, signalled: None, cancel: cancel.clone(), watched, progress: None };
        self.lock().insert(entry.job.jid.clone(), entry);
        cancel
    }

    /// From now on these jobs are watched; how far those are of which it was not known.
    pub fn watch(&self, jids: &[Jid]) -> Vec<Progress> {
        let mut jobs = self.lock();
        let mut known = Vec::new();
        for jid in jids {
            if let Some(entry) = jobs.get_mut(jid).filter(|entry| !entry.watched) {
                entry.watched = true;
                known.extend(entry.progress.clone());
            }
        }
        known
    }

    /// Notes how far a job is; true if somebody watches it.
    pub fn progressed(&self, progress: &Progress) -> bool {
        self.lock().get_mut(&progress.jid).is_some_and(|entry| {
            entry.progress = Some(progress.clone());
            entry.watched
        })
    }

    /// The job has its worker now.
    pub fn started(&self, jid: &Jid, pid: u32) {
        if let Some(entry) = self.lock().get_mut(jid) {
            (entry.job.pid, entry.job.queued) = (pid, false);
        }
    }

    /// The job ended; answers the signal that was sent to it, if any was.
    pub fn leave(&self, jid: &Jid) -> Option<i32> {
        self.lock().remove(jid).and_then(|entry| entry.signalled)
    }

    /// Ends a job: a worker with everything it started by the signal, one that waits by giving it up. False when
    /// there is no such job, or it runs inside the daemon.
    pub fn signal(&self, jid: &Jid, signal: i32) -> bool {
        let Some(number) = Signal::from_named_raw(signal) else { return false };
        let mut jobs = self.lock();
        let Some(entry) = jobs.get_mut(jid).filter(|entry| entry.job.queued || entry.job.pid != 0) else {
            return false;
        };
        entry.signalled = Some(signal);
        if entry.job.queued {
            entry.cancel.notify_one();
            return true;
        }
        signal_session(entry.job.pid, number) > 0
    }

    /// All jobs, by id.
    pub fn list(&self) -> Vec<Running> {
        self.lock().values().map(|entry| entry.job.clone()).collect()
    }

    /// Ids of the jobs that run in a worker.
    pub fn workers(&self) -> Vec<Jid> {
        let jobs = self.lock();
        let working = jobs.iter().filter(|(_, entry)| !entry.job.queued && entry.job.pid != 0);
        working.map(|(jid, _)| jid.clone()).collect()
    }

    /// Ids of the jobs that run, and of those that wait for a worker.
    pub fn ids(&self) -> (Vec<Jid>, Vec<Jid>) {
        let jobs = self.lock();
        let (waiting, running): (Vec<_>, Vec<_>) = jobs.iter().partition(|(_, entry)| entry.job.queued);
        let ids = |jobs: Vec<(&Jid, &Entry)>| jobs.into_iter().map(|(jid, _)| jid.clone()).collect();
        (ids(running), ids(waiting))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Jid, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
