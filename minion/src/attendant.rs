//! Serves the worker of one job: its questions, and the chunks of a state run on their way to journal and master.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fleet_common::ids::Jid;
use fleet_common::proto::ret::Progress;
use fleet_common::proto::worker::{Answer, Ask};
use fleet_common::transport::Boxed;
use fleet_common::value::Value;
use tokio::runtime::Handle;

use crate::journal::{Chunk, Journal};
use crate::service::Service;
use crate::stay::Stays;
use crate::worker::host;

/// Progress is told this often at most.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Told {
    at: Option<Instant>,
    last_failure: Option<String>,
}

/// Serves the worker of one job.
pub struct Attendant {
    service: Arc<Service>,
    journal: Arc<Journal>,
    jid: Option<Jid>,
    runtime: Handle,
    told: Mutex<Told>,
    /// How this daemon goes, and the socket of the next one.
    next: (Arc<Stays>, String),
}

impl Attendant {
    /// The attendant of a job, or of a call without one; made inside the runtime. Progress is told while somebody watches.
    pub fn new(service: Arc<Service>, journal: Arc<Journal>, next: (Arc<Stays>, String), jid: Option<Jid>) -> Self {
        Self { service, journal, jid, runtime: Handle::current(), told: Mutex::default(), next }
    }
}

impl host::Service for Attendant {
    fn answer(&self, ask: Ask) -> Boxed<'_, Answer> {
        Box::pin(self.service.answer(ask))
    }

    fn started(&self, pid: u32) {
        if let Some(jid) = &self.jid {
            self.service.running.started(jid, pid);
        }
    }

    fn leaving(&self) -> Boxed<'_, String> {
        Box::pin(async {
            if self.jid.is_none() {
                // A call that no master sent has nobody to report to later.
                std::future::pending::<()>().await;
            }
            self.next.0.leaving().await;
            self.next.1.clone()
        })
    }

    fn chunk_done(&self, done: u32, total: u32, key: String, result: Value) {
        let Some(jid) = &self.jid else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = failure(&key, &result) {
            told.last_failure = Some(failure.to_owned());
        }
        let progress = Progress { jid: jid.clone(), done, total, last_failure: told.last_failure.clone() };
        let is_watched = self.service.running.progressed(&progress);
        if is_watched && (done == total || told.at.is_none_or(|at| at.elapsed() >= PROGRESS_EVERY)) {
            told.at = Some(Instant::now());
            self.service.tell_progress(&self.runtime, progress);
        }
        if let Err(error) = self.journal.chunk(Chunk { jid: jid.clone(), key, result }) {
            tracing::error!(%jid, %error, "a chunk could not be written down");
        }
    }
}

/// The name of a chunk whose result says that it failed.
fn failure<'a>(key: &'a str, result: &Value) -> Option<&'a str> {
    result.get("result").is_some_and(|said| said.as_bool() == Some(false)).then_some(key)
}
