//! One job that is not over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleet_common::ids::MinionId;
use fleet_common::proto::api::Standing;
use fleet_common::proto::job::Job;
use fleet_common::proto::ret::{Progress, Return};
use tokio::sync::mpsc;

/// Signs that may wait for a follower; more are dropped: signs repeat.
const SIGNS: usize = 1024;

/// What a follower hears besides returns.
#[derive(Debug, Clone, PartialEq)]
pub enum Sign {
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
            Self::Running(id) | Self::Idle(id) | Self::Down(id) | Self::Up(id) | Self::Progress(id, _) => id,
        }
    }
}

/// A job and how those stand who have not answered yet.
pub struct Active {
    /// The job as it was published.
    pub job: Job,
    /// Its arguments, when the publication does not carry them.
    pub payload: Option<(Vec<fleet_common::value::Value>, fleet_common::value::Map)>,
    /// All minions it is meant for, sorted.
    pub expected: Vec<MinionId>,
    /// Those that were down when it was published, sorted.
    pub down: Vec<MinionId>,
    /// Milliseconds since 1970 when it arrived.
    pub created: u64,
    state: Mutex<State>,
}

struct State {
    /// Owed and unanswered.
    open: HashMap<MinionId, Standing>,
    followers: Vec<Line>,
}

/// The sending ends of one follower.
struct Line {
    /// Never full: it has room for every target, and each answers once.
    returns: mpsc::Sender<Arc<Return>>,
    signs: mpsc::Sender<Sign>,
}

/// The receiving ends of one follower.
pub(super) struct Lines {
    pub(super) returns: mpsc::Receiver<Arc<Return>>,
    pub(super) signs: mpsc::Receiver<Sign>,
}

impl Active {
    /// A job whose `open` minions are owed it and have not answered.
    pub fn new(
        job: Job,
        payload: Option<(Vec<fleet_common::value::Value>, fleet_common::value::Map)>,
        (expected, down): (Vec<MinionId>, Vec<MinionId>),
        created: u64,
        open: impl IntoIterator<Item = MinionId>,
    ) -> Self {
        let open = open.into_iter().map(|id| (id, Standing::Sent)).collect();
        let state = Mutex::new(State { open, followers: Vec::new() });
        Self { job, payload, expected, down, created, state }
    }

    /// True when the job is meant for this minion.
    pub fn expects(&self, id: &MinionId) -> bool {
        self.expected.binary_search(id).is_ok()
    }

    /// Those who have not answered and are owed the job.
    pub fn open(&self) -> Vec<MinionId> {
        self.lock().open.keys().cloned().collect()
    }

    /// True when this minion is owed the job and has not answered.
    pub fn is_open(&self, id: &MinionId) -> bool {
        self.lock().open.contains_key(id)
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

    /// Connects a follower: hears every return from now on.
    pub(super) fn lines(&self) -> Lines {
        let (returns, returned) = mpsc::channel(self.expected.len().max(1));
        let (signs, signed) = mpsc::channel(SIGNS);
        self.lock().followers.push(Line { returns, signs });
        Lines { returns: returned, signs: signed }
    }

    /// A return arrived; followers hear of a minion's first one only. Tells whether the job is complete now.
    pub fn returned(&self, ret: &Arc<Return>) -> bool {
        let mut state = self.lock();
        if state.open.remove(&ret.id).is_some() {
            // A follower that left needs nothing.
            state.followers.retain(|line| line.returns.try_send(ret.clone()).is_ok());
        }
        state.open.is_empty()
    }

    /// A minion gave a sign.
    pub fn sign(&self, sign: &Sign) {
        let mut state = self.lock();
        match (state.open.get_mut(sign.id()), sign) {
            (None, _) => return,
            (Some(standing), Sign::Running(_) | Sign::Progress(..)) => *standing = Standing::Running,
            (Some(_), _) => {}
        }
        for line in &state.followers {
            let _ = line.signs.try_send(sign.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
