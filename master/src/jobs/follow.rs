//! Watching a job until every target is accounted for: answered, failed, offline or silent.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::api::{JobEvent, Standing, Summary, TargetState};
use fleet_common::proto::ret::Return;
use tokio::time::Instant;

use super::active::{Active, Lines, Open, Sign};
use crate::minions::Minions;

/// A running minion beats every ten seconds; three missed beats mean that it is gone.
const RUNNING_SILENCE: Duration = Duration::from_secs(35);
/// How often waits are looked at.
const TICK: Duration = Duration::from_millis(100);

/// How to follow.
#[derive(Debug, Clone)]
pub struct FollowOptions {
    /// How long a connected minion may give no sign.
    pub timeout: Duration,
    /// Pass on how far running minions are.
    pub progress: bool,
    /// Whom to wait for.
    pub wait: Wait,
    /// Accepted minions whose grains are not known, when the target needs them.
    pub unknown_grains: u64,
    /// What is to be told of the target.
    pub notes: Vec<String>,
}

/// Whom a follower waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Connected minions, as long as they give signs.
    Signs,
    /// Every target, until the ledger has its final state.
    End,
    /// Nobody: what is known now is told.
    Nobody,
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
    over: bool,
}

/// What happened before somebody follows.
#[derive(Default)]
pub struct Past {
    /// Returns that are kept.
    pub returns: Vec<Return>,
    /// Targets that were given up.
    pub given_up: Vec<TargetState>,
}

/// A follower's lines, connected before the past is read so that nothing falls between.
pub struct Attached {
    job: Arc<Active>,
    lines: Lines,
    open: Vec<(MinionId, Open)>,
}

impl Attached {
    /// Connects to a job; with `progress` to hear how far running minions are.
    pub fn to(job: Arc<Active>, progress: bool) -> Self {
        let (lines, open) = job.lines(progress);
        Self { job, lines, open }
    }

    /// Those who had not answered when it was connected.
    pub fn open(&self) -> impl Iterator<Item = &MinionId> {
        self.open.iter().map(|(id, _)| id)
    }
}

impl Follow {
    /// The job's id, and how many minions it is for.
    pub fn job(&self) -> (&Jid, usize) {
        (&self.job.job.jid, self.job.expected.len())
    }

    /// Starts to follow a new job; call it before the job is published.
    pub fn new(job: Arc<Active>, options: FollowOptions, minions: Arc<Minions>) -> Self {
        let absent = job.down.clone();
        let mut follow = Self::attach(Attached::to(job, options.progress), Past::default(), options, minions);
        follow.waiting.retain(|id, _| absent.binary_search(id).is_err());
        let list = if follow.job.durable { &mut follow.summary.waiting } else { &mut follow.summary.offline };
        *list = absent;
        follow
    }

    /// Follows from now on, telling the past first.
    pub fn attach(attached: Attached, past: Past, options: FollowOptions, minions: Arc<Minions>) -> Self {
        let Attached { job, lines, open } = attached;
        let now = Instant::now();
        let started = JobEvent::Started {
            jid: job.job.jid.clone(),
            expected: job.expected.clone(),
            down: job.down.clone(),
            waits: job.durable,
            unknown_grains: options.unknown_grains,
            notes: options.notes.clone(),
        };
        let waiting =
            open.iter().map(|(id, open)| (id.clone(), Waiting::new(now, options.timeout, open.state.may_have_begun())));
        let waiting = waiting.collect();
        let summary = Summary { targeted: job.expected.len() as u64, ..Summary::default() };
        let ready = VecDeque::from([started]);
        let mut follow = Self { job, options, lines, waiting, ready, summary, minions, over: false };
        for ret in past.returns {
            follow.waiting.remove(&ret.id);
            follow.pass_on(ret);
        }
        for target in past.given_up {
            follow.lose(target.id, target.state);
        }
        if follow.options.progress && follow.options.wait == Wait::End {
            // The answer to their beat tells them that somebody watches.
            follow.waiting.keys().for_each(|id| follow.minions.probe(id));
        }
        if follow.options.wait == Wait::Nobody {
            for (id, open) in open {
                if follow.waiting.remove(&id).is_some() {
                    follow.lose(id, open.state);
                }
            }
        }
        follow
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
                for list in [&mut summary.offline, &mut summary.silent, &mut summary.running, &mut summary.waiting] {
                    list.sort();
                }
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
        if self.waiting.remove(&ret.id).is_some() {
            self.pass_on(Return::clone(ret));
        }
    }

    fn pass_on(&mut self, ret: Return) {
        let succeeded = Standing::of(&ret) == Standing::Finished;
        let count = if succeeded { &mut self.summary.succeeded } else { &mut self.summary.failed };
        *count += 1;
        self.ready.push_back(JobEvent::Return(Box::new(ret)));
    }

    fn hear(&mut self, sign: Sign) {
        let timeout = self.options.timeout;
        let now = Instant::now();
        let Some(waiting) = self.waiting.get_mut(sign.id()) else { return };
        match sign {
            Sign::Running(_) | Sign::Queued(_) => waiting.runs(now, timeout),
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
        if self.options.wait == Wait::End {
            return self.tick_to_the_end();
        }
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
            self.lose(id, if down { Standing::Offline } else { Standing::Silent });
        }
    }

    /// The ledger alone says who is given up.
    fn tick_to_the_end(&mut self) {
        let settled = |id: &MinionId| self.job.settled(id).map(|state| (id.clone(), state));
        let mut lost: Vec<_> = self.waiting.keys().filter_map(settled).collect();
        lost.sort_by(|a, b| a.0.cmp(&b.0));
        for (id, state) in lost {
            self.waiting.remove(&id);
            self.lose(id, state);
        }
    }

    fn lose(&mut self, id: MinionId, state: Standing) {
        match state {
            Standing::Silent | Standing::Sent => self.summary.silent.push(id.clone()),
            Standing::Expected => self.summary.waiting.push(id.clone()),
            Standing::Received | Standing::Started => self.summary.running.push(id.clone()),
            Standing::Offline => self.summary.offline.push(id.clone()),
            _ => self.summary.failed += 1,
        }
        self.ready.push_back(JobEvent::Lost { id, state });
    }
}

impl Waiting {
    fn new(now: Instant, timeout: Duration, begun: bool) -> Self {
        // The first question comes early enough for its answer to count.
        let probe_at = now + (timeout / 3).min(Duration::from_secs(2));
        let mut waiting = Self { deadline: now + timeout, probe_at, running: false, down: false };
        if begun {
            waiting.runs(now, timeout);
        }
        waiting
    }

    fn runs(&mut self, now: Instant, timeout: Duration) {
        self.running = true;
        self.down = false;
        self.deadline = now + timeout.max(RUNNING_SILENCE);
        self.probe_at = self.deadline - timeout / 2;
    }
}
