//! One job that is not over: how its targets stand, and who listens.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleet_common::ids::MinionId;
use fleet_common::proto::api::Standing;
use fleet_common::proto::job::Job;
use fleet_common::proto::ret::{Progress, Return};
use fleet_common::value::{Map, Value};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use crate::health::Counter;

/// Signs that may wait for a follower; more are dropped: signs repeat.
const SIGNS: usize = 1024;

/// What a follower hears besides returns.
#[derive(Debug, Clone, PartialEq)]
pub enum Sign {
    /// The minion says that the job waits there for a worker.
    Queued(MinionId),
    /// The minion says that it runs the job.
    Running(MinionId),
    /// The minion is alive and does not name the job.
    Idle(MinionId),
    /// The minion's session ended.
    Down(MinionId),
    /// The minion has a session again.
    Up(MinionId),
    /// How far it is.
    Progress(MinionId, Progress),
}

impl Sign {
    /// Who gave it.
    pub fn id(&self) -> &MinionId {
        match self {
            Self::Queued(id) | Self::Running(id) | Self::Idle(id) | Self::Down(id) | Self::Up(id) => id,
            Self::Progress(id, _) => id,
        }
    }

    /// What it says of the job itself.
    fn standing(&self) -> Option<Standing> {
        match self {
            Self::Queued(_) => Some(Standing::Received),
            Self::Running(_) | Self::Progress(..) => Some(Standing::Started),
            Self::Idle(_) | Self::Down(_) | Self::Up(_) => None,
        }
    }
}

/// A target that has not answered.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    /// How it stands.
    pub state: Standing,
    /// When the minion named the job last.
    pub named: Option<Instant>,
}

/// A job and how those stand who have not answered yet.
pub struct Active {
    /// The job as it was published.
    pub job: Job,
    /// Its arguments, when the publication does not carry them.
    pub payload: Option<(Vec<Value>, Map)>,
    /// All minions it is meant for, sorted.
    pub expected: Vec<MinionId>,
    /// Those that were down when it was published, sorted.
    pub down: Vec<MinionId>,
    /// True when those that were down run it once they come online.
    pub durable: bool,
    /// Milliseconds since 1970 when it arrived.
    pub created: u64,
    /// When it must not start any more; a cancelled job's time is over.
    expires: AtomicU64,
    state: Mutex<State>,
    /// True while a beat that does not name the job says something: somebody follows, or a target has begun it.
    attentive: AtomicBool,
    /// Signs that followers did not take.
    unheard: Counter,
}

#[derive(Default)]
struct State {
    /// Unanswered, and owed the job or running it.
    open: HashMap<MinionId, Open>,
    /// Those that were given up, with what they became.
    settled: HashMap<MinionId, Standing>,
    followers: Vec<Line>,
}

/// The sending ends of one follower.
struct Line {
    /// Never full: it has room for every target, and each answers once.
    returns: mpsc::Sender<Arc<Return>>,
    signs: mpsc::Sender<Sign>,
    /// It wants to know how far running minions are.
    progress: bool,
}

/// The receiving ends of one follower.
pub(super) struct Lines {
    pub(super) returns: mpsc::Receiver<Arc<Return>>,
    pub(super) signs: mpsc::Receiver<Sign>,
}

/// What a new job is made of.
pub struct Parts {
    /// The job as it is published, and its arguments when they travel by reference.
    pub published: (Job, Option<(Vec<Value>, Map)>),
    /// All minions it is meant for, sorted.
    pub expected: Vec<MinionId>,
    /// Those of them that were down, sorted.
    pub down: Vec<MinionId>,
    /// True when those run it once they come online.
    pub durable: bool,
    /// Milliseconds since 1970 when it arrived.
    pub created: u64,
}

impl Active {
    /// A job whose `open` minions have not answered.
    pub fn new(parts: Parts, open: impl IntoIterator<Item = (MinionId, Standing)>) -> Self {
        let open: HashMap<_, _> = open.into_iter().map(|(id, state)| (id, Open { state, named: None })).collect();
        let begun = open.values().any(|open| open.state.may_have_begun());
        let (job, payload) = parts.published;
        Self {
            expires: AtomicU64::new(job.expires),
            job,
            payload,
            expected: parts.expected,
            down: parts.down,
            durable: parts.durable,
            created: parts.created,
            state: Mutex::new(State { open, ..State::default() }),
            attentive: AtomicBool::new(begun),
            unheard: Counter::default(),
        }
    }

    /// Milliseconds in the master's time after which it must not start.
    pub fn expires(&self) -> u64 {
        self.expires.load(Ordering::Relaxed)
    }

    /// Its time is over: what has not started does not.
    pub fn expire(&self, now: u64) {
        self.expires.fetch_min(now, Ordering::Relaxed);
    }

    /// True when the job is meant for this minion.
    pub fn expects(&self, id: &MinionId) -> bool {
        self.expected.binary_search(id).is_ok()
    }

    /// Those who have not answered, and how they stand.
    pub fn open(&self) -> Vec<(MinionId, Open)> {
        self.lock().open.iter().map(|(id, open)| (id.clone(), *open)).collect()
    }

    /// How a target stands that has not answered; `None` when it has, or was given up.
    pub fn standing(&self, id: &MinionId) -> Option<Standing> {
        self.lock().open.get(id).map(|open| open.state)
    }

    /// What a target became that was given up without an answer.
    pub fn settled(&self, id: &MinionId) -> Option<Standing> {
        self.lock().settled.get(id).copied()
    }

    /// True when nobody is awaited any more.
    pub fn is_complete(&self) -> bool {
        self.lock().open.is_empty()
    }

    /// True while somebody follows.
    pub fn is_followed(&self) -> bool {
        let mut state = self.lock();
        state.followers.retain(|line| !line.returns.is_closed());
        !state.followers.is_empty()
    }

    /// True while somebody wants to know how far running minions are.
    pub fn is_watched(&self) -> bool {
        self.lock().followers.iter().any(|line| line.progress && !line.returns.is_closed())
    }

    /// Signs that were not passed on: a follower did not read.
    pub fn unheard(&self) -> u64 {
        self.unheard.count()
    }

    /// True while a beat that does not name the job says something about it.
    pub fn is_attentive(&self) -> bool {
        self.attentive.load(Ordering::Relaxed)
    }

    /// Connects a follower: hears every return from now on; with it come those who have not answered by now. With
    /// `progress` it wants to know how far they are.
    pub(super) fn lines(&self, progress: bool) -> (Lines, Vec<(MinionId, Open)>) {
        let (returns, returned) = mpsc::channel(self.expected.len().max(1));
        let (signs, signed) = mpsc::channel(SIGNS);
        let mut state = self.lock();
        state.followers.push(Line { returns, signs, progress });
        self.attentive.store(true, Ordering::Relaxed);
        let open = state.open.iter().map(|(id, open)| (id.clone(), *open)).collect();
        (Lines { returns: returned, signs: signed }, open)
    }

    /// A return arrived; followers hear of a minion's first one only. Tells whether the job is complete now.
    pub fn returned(&self, ret: &Arc<Return>) -> bool {
        let mut state = self.lock();
        if state.open.contains_key(&ret.id) {
            // A follower that left needs nothing.
            state.followers.retain(|line| line.returns.try_send(ret.clone()).is_ok());
            state.open.remove(&ret.id);
            return state.open.is_empty();
        }
        false
    }

    /// A minion gave a sign; tells how the target stands now, when that is news.
    pub fn sign(&self, sign: &Sign) -> Option<Standing> {
        let mut state = self.lock();
        let open = state.open.get_mut(sign.id())?;
        let said = sign.standing();
        if said.is_some() {
            open.named = Some(Instant::now());
            self.attentive.store(true, Ordering::Relaxed);
        }
        let news = said.filter(|said| open.state.may_become(*said));
        open.state = news.unwrap_or(open.state);
        for line in &state.followers {
            if let Err(TrySendError::Full(_)) = line.signs.try_send(sign.clone()) {
                self.unheard.add();
            }
        }
        news
    }

    /// The master moves a target on by itself; a final state ends the wait for it. False if it stands further already.
    pub fn advance(&self, id: &MinionId, to: Standing) -> bool {
        let mut state = self.lock();
        let Some(open) = state.open.get_mut(id).filter(|open| open.state.may_become(to)) else { return false };
        open.state = to;
        if to.is_final() {
            state.open.remove(id);
            state.settled.insert(id.clone(), to);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
