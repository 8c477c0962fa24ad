//! Leaving jobs to the next daemon, and taking them over from the one before.

use std::time::Duration;

use fleet_common::ids::Jid;
use fleet_common::proto::worker::Finished;

use super::{Jobs, Running, now};
use crate::attendant::Attendant;
use crate::stay::{FAREWELL, GRACE};
use crate::worker::host::WorkerError;

impl Jobs {
    /// True once workers were told to go on without this daemon.
    pub fn are_leaving(&self) -> bool {
        self.inner.around.stays.is_leaving()
    }

    /// Lets the workers that run now go on without this daemon; the next one takes their jobs over.
    pub async fn leave(&self) {
        let directory = &self.inner.around.service.running;
        let staying = directory.workers();
        if staying.is_empty() {
            return;
        }
        self.inner.around.stays.leave(staying);
        let told = async {
            while !directory.workers().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(FAREWELL, told).await.is_err() {
            tracing::warn!("some jobs could not be told that the minion stops; they end with it");
        }
    }

    /// Takes over the job that a worker of the daemon before brings; who serves it from now on.
    pub fn resume(&self, jid: &Jid, pid: u32) -> Option<Attendant> {
        let around = &self.inner.around;
        let begun = around.stays.claim(jid).then(|| around.journal.begun_as(jid)).flatten()?;
        let (fun, arg) = (begun.fun.to_string(), begun.fun_args.clone());
        let (user, target) = (String::new(), around.service.known.id().to_string());
        let running = Running { jid: jid.clone(), fun, arg, pid, user, target, queued: false };
        around.service.running.enter(running, false);
        tracing::info!(%jid, fun = %begun.fun, "a job of the daemon before goes on");
        Some(self.inner.attendant(Some(jid.clone())))
    }

    /// Reports a job that was taken over, when its worker has ended or stays once more.
    pub async fn resumed(&self, jid: &Jid, ended: Result<Finished, WorkerError>) {
        let signalled = self.inner.around.service.running.leave(jid);
        let Some(begun) = self.inner.around.journal.begun_as(jid) else { return };
        if !matches!(ended, Err(WorkerError::Stays)) {
            let took = Duration::from_millis(now().saturating_sub(begun.started));
            let ret = self.inner.conclude(&begun, ended, signalled, took);
            self.inner.settle(ret, begun.changes).await;
        }
    }

    /// Waits for the workers of the daemon before; jobs that none brings count as interrupted. Never ends.
    pub async fn wait_for_stays(&self) {
        tokio::time::sleep(GRACE).await;
        let around = &self.inner.around;
        for jid in around.stays.give_up() {
            tracing::warn!(%jid, "a job was interrupted when the minion stopped; it is reported and not run again");
            if let Err(error) = around.journal.interrupt(around.service.known.id(), &jid) {
                tracing::error!(%jid, %error, "a return could not be written down");
            }
            if let Some(ret) = around.journal.load(&jid) {
                around.reporter.send(Box::new(ret)).await;
            }
        }
        std::future::pending().await
    }
}
