//! Watching a job until every target is accounted for: answered, failed, offline or silent.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fleet_common::ids::MinionId;
use fleet_common::proto::api::{JobEvent, Standing, Summary};
use fleet_common::proto::ret::{End, Return};
use tokio::time::Instant;

use super::active::{Active, Lines, Sign};
use crate::minions::Minions;
use crate::store::Store;

/// A running minion beats every ten seconds; three missed beats mean that it is gone.
const RUNNING_SILENCE: Duration = Duration::from_secs(35);
/// How often waits are looked at.
const TICK: Duration = Duration::from_millis(100);

/// How to follow.
#[derive(Debug, Clone, Copy)]
pub struct FollowOptions {
    /// How long a connected minion may give no sign.
    pub timeout: Duration,
    /// Pass on how far running minions are.
    pub progress: bool,
    /// Accepted minions whose grains are not known, when the target needs them.
    pub unknown_grains: u64,
}

struct Waiting {
    deadline: Instant,
    probe_at: Instant,
    running: bool,
    down: bool,
}

/// The stream of one job's events. Ends with a summary.
pub struct Follow {
    job: Arc<Active>,
    options: FollowOptions,
    lines: Lines,
    waiting: HashMap<MinionId, Waiting>,
    ready: VecDeque<JobEvent>,
    summary: Summary,
    minions: Arc<Minions>,
    store: Store,
    over: bool,
}

impl Follow {
    /// Starts to follow; call it before the job is published.
    pub fn new(job: Arc<Active>, options: FollowOptions, minions: Arc<Minions>, store: Store) -> Self {
        let lines = job.lines();
        let now = Instant::now();
        let waiting = job
            .open()
            .into_iter()
            .filter(|id| job.down.binary_search(id).is_err())
            .map(|id| (id, Waiting::new(now, options.timeout)))
            .collect();
        let started = JobEvent::Started {
            jid: job.job.jid.clone(),
            expected: job.expected.clone(),
            down: job.down.clone(),
            unknown_grains: options.unknown_grains,
        };
        let summary = Summary { targeted: job.expected.len() as u64, offline: job.down.clone(), ..Summary::default() };
        Self { job, options, lines, waiting, ready: VecDeque::from([started]), summary, minions, store, over: false }
    }

    /// The next event; `None` after the summary. Safe to cancel.
    pub async fn next(&mut self) -> Option<JobEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            if self.waiting.is_empty() {
                self.over = true;
                let mut summary = std::mem::take(&mut self.summary);
                summary.offline.sort();
                summary.silent.sort();
                return Some(JobEvent::Summary(summary));
            }
            tokio::select! {
                biased;
                Some(ret) = self.lines.returns.recv() => self.take(&ret),
                Some(sign) = self.lines.signs.recv() => self.hear(sign),
                () = tokio::time::sleep(TICK) => self.tick(),
            }
        }
    }

    /// An event that needs no waiting: fills a chunk of the stream.
    pub fn try_next(&mut self) -> Option<JobEvent> {
        if self.ready.is_empty()
            && let Ok(ret) = self.lines.returns.try_recv()
        {
            self.take(&ret);
        }
        self.ready.pop_front()
    }

    fn take(&mut self, ret: &Arc<Return>) {
        if self.waiting.remove(&ret.id).is_none() {
            return;
        }
        let succeeded = ret.success && ret.retcode == 0 && ret.end == End::Returned;
        let count = if succeeded { &mut self.summary.succeeded } else { &mut self.summary.failed };
        *count += 1;
        self.ready.push_back(JobEvent::Return(Box::new(Return::clone(ret))));
    }

    fn hear(&mut self, sign: Sign) {
        let timeout = self.options.timeout;
        let now = Instant::now();
        let Some(waiting) = self.waiting.get_mut(sign.id()) else { return };
        match sign {
            Sign::Running(_) => waiting.runs(now, timeout),
            Sign::Progress(id, progress) => {
                waiting.runs(now, timeout);
                if self.options.progress {
                    self.ready.push_back(JobEvent::Progress { id, progress });
                }
            }
            // It ran the job and does no longer: the return is under way, or lost.
            Sign::Idle(_) if waiting.running => {
                waiting.running = false;
                waiting.deadline = now + timeout;
            }
            Sign::Idle(_) => {}
            // A daemon that restarts in time is still owed the job.
            Sign::Down(_) => {
                waiting.down = true;
                waiting.deadline = now + timeout;
            }
            Sign::Up(_) => {
                waiting.down = false;
                waiting.deadline = now + timeout;
                waiting.probe_at = now + timeout / 3;
            }
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let mut lost = Vec::new();
        for (id, waiting) in &mut self.waiting {
            if waiting.deadline <= now {
                lost.push(id.clone());
            } else if waiting.probe_at <= now && !waiting.down {
                self.minions.probe(id);
                waiting.probe_at = now + self.options.timeout.max(Duration::from_secs(1));
            }
        }
        lost.sort();
        for id in lost {
            let down = self.waiting.remove(&id).is_some_and(|waiting| waiting.down) || !self.minions.is_up(&id);
            let state = if down { Standing::Offline } else { Standing::Silent };
            let list = if down { &mut self.summary.offline } else { &mut self.summary.silent };
            list.push(id.clone());
            self.note(id.clone(), state);
            self.ready.push_back(JobEvent::Lost { id, state });
        }
    }

    /// Writes down how a lost target stands; its return, should it come, counts more.
    fn note(&self, id: MinionId, state: Standing) {
        let (store, jid) = (self.store.clone(), self.job.job.jid.clone());
        tokio::spawn(async move {
            if let Err(error) = store.compare_and_set(jid, id, Standing::Sent, state).await {
                tracing::warn!(%error, "a lost target could not be noted");
            }
        });
    }
}

impl Waiting {
    fn new(now: Instant, timeout: Duration) -> Self {
        // The first question comes early enough for its answer to count.
        let probe_at = now + (timeout / 3).min(Duration::from_secs(2));
        Self { deadline: now + timeout, probe_at, running: false, down: false }
    }

    fn runs(&mut self, now: Instant, timeout: Duration) {
        self.running = true;
        self.down = false;
        self.deadline = now + timeout.max(RUNNING_SILENCE);
        self.probe_at = self.deadline - timeout / 2;
    }
}
