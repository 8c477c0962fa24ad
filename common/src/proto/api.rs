//! Bodies of the HTTP API on the master's unix socket. Our clients ask for msgpack, others get JSON.
//!
//! `POST /jobs` answers with one stream of [`JobEvent`]s: as msgpack each frame is a big-endian u32 length and the
//! encoded event; as JSON each event is one line.

use serde::{Deserialize, Serialize};

use super::job::Target;
use super::ret::{End, Progress, Return};
use crate::ids::{Jid, MinionId};
use crate::value::{Map, Value};

/// `POST /jobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewJob {
    /// Who is meant.
    pub target: Target,
    /// How that is narrowed.
    #[serde(default)]
    pub narrow: Narrow,
    /// `module.function`.
    pub fun: String,
    /// Arguments by position.
    #[serde(default)]
    pub arg: Vec<Value>,
    /// Arguments by name.
    #[serde(default)]
    pub kwarg: Map,
    /// Seconds to wait for a connected minion's first sign.
    #[serde(default)]
    pub timeout: Option<f64>,
    /// Seconds the job stays valid for minions that are not connected now.
    #[serde(default)]
    pub ttl: Option<u64>,
    /// Answer with the jid and the expected minions only.
    #[serde(default)]
    pub detach: bool,
    /// Report progress of running minions.
    #[serde(default)]
    pub follow: bool,
}

impl NewJob {
    /// A job without arguments, as it is when nothing else is asked for.
    pub fn new(target: Target, fun: impl Into<String>) -> Self {
        Self {
            target,
            narrow: Narrow::default(),
            fun: fun.into(),
            arg: Vec::new(),
            kwarg: Map::new(),
            timeout: None,
            ttl: None,
            detach: false,
            follow: false,
        }
    }
}

/// What narrows a target. With any of these the publication carries the ids it resolves to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narrow {
    /// A compound expression: whom it means is left out.
    #[serde(default)]
    pub exclude: Option<String>,
    /// At most so many of them, chosen at random, connected ones first.
    #[serde(default)]
    pub subset: Option<u64>,
    /// Only minions that ended so in an earlier job.
    #[serde(default)]
    pub state_of: Option<(Jid, Outcome)>,
}

impl Narrow {
    /// True when the target means all it says.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Which targets of an earlier job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Those that answered with a failure, were interrupted, or refused it.
    Failed,
    /// Those that have not answered, whatever the reason.
    Missing,
}

impl Outcome {
    /// True for targets that stand so.
    pub fn is(self, standing: Standing) -> bool {
        let failed = matches!(standing, Standing::Failed | Standing::Interrupted | Standing::Refused);
        match self {
            Self::Failed => failed,
            Self::Missing => !failed && standing != Standing::Finished,
        }
    }
}

/// `POST /targets`: whom a target means, without sending anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewPreview {
    /// Who is meant.
    pub target: Target,
    /// How that is narrowed.
    #[serde(default)]
    pub narrow: Narrow,
}

/// Whom a target means, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// The target as it was read: a compound expression.
    pub target: String,
    /// The minions, sorted.
    pub minions: Vec<Previewed>,
    /// Accepted minions that are not meant because their grains are not known.
    pub unknown_grains: Vec<MinionId>,
    /// Parts of the expression that mean nobody, and the like.
    pub warnings: Vec<String>,
}

/// One minion of a preview.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Previewed {
    /// Who.
    pub id: MinionId,
    /// Connected now.
    pub up: bool,
    /// The parts of the expression by which it is meant.
    pub why: Vec<String>,
}

/// One event of a job's stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobEvent {
    /// First: the job exists.
    Started {
        /// Its id.
        jid: Jid,
        /// All minions it is meant for, sorted.
        expected: Vec<MinionId>,
        /// Those of them that are known to be down: they will not run it, unless it waits for them.
        down: Vec<MinionId>,
        /// True when it waits for those that are down.
        #[serde(default)]
        waits: bool,
        /// Accepted minions that are not meant because their grains are not known yet.
        unknown_grains: u64,
        /// What is to be told to whoever typed the target, that included.
        #[serde(default)]
        notes: Vec<String>,
    },
    /// A minion answered.
    Return(Box<Return>),
    /// A running minion tells how far it is.
    Progress {
        /// Who.
        id: MinionId,
        /// How far.
        progress: Progress,
    },
    /// A minion ends without an answer: why.
    Lost {
        /// Who.
        id: MinionId,
        /// How it stands.
        state: Standing,
    },
    /// Last.
    Summary(Summary),
    /// The job could not be made or followed; last.
    Error {
        /// Exit status a command should end with (see `exit`).
        exit: u8,
        /// Message for a person, several lines possible.
        message: String,
    },
}

/// How one target of a job stands. In the ledger a target only moves forward: what the minion itself said last counts
/// most, and what the master concluded from silence gives way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Not connected; runs the job if it comes online before the time to live ends.
    Expected,
    /// Published or sent in the session; no sign yet.
    Sent,
    /// The minion has it, and it waits there for a worker.
    Received,
    /// The minion runs it.
    Started,
    /// Answered without failure.
    Finished,
    /// Answered with a failure.
    Failed,
    /// Died in the middle.
    Interrupted,
    /// Would not run it.
    Refused,
    /// Too late to start, cancelled, or no sign until the time was over.
    Expired,
    /// Had no session when the job was published, or lost it and did not come back.
    Offline,
    /// Connected but gave no sign within a follower's time. Said to that follower, never kept in the ledger.
    Silent,
}

impl Standing {
    /// True when nothing more is awaited of the target.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Expected | Self::Sent | Self::Received | Self::Started | Self::Silent)
    }

    /// True if a ledger may move from `self` to `next` on the master's own knowledge; a return may always come.
    pub fn may_become(self, next: Self) -> bool {
        fn rank(state: Standing) -> u8 {
            match state {
                Standing::Silent | Standing::Expected => 0,
                Standing::Sent => 1,
                Standing::Received => 2,
                Standing::Started => 3,
                _ => 4,
            }
        }
        rank(self) < rank(next)
    }

    /// True when the minion said that it has the job.
    pub fn may_have_begun(self) -> bool {
        matches!(self, Self::Received | Self::Started)
    }

    /// How a return leaves its target.
    pub fn of(ret: &Return) -> Self {
        match ret.end {
            End::Returned if ret.success && ret.retcode == 0 => Self::Finished,
            End::Returned => Self::Failed,
            End::Interrupted => Self::Interrupted,
            End::Refused => Self::Refused,
            End::Expired => Self::Expired,
        }
    }

    /// The word people see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Started => "started",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Offline => "offline",
            Self::Silent => "silent",
        }
    }
}

/// One step of a target's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it became.
    pub state: Standing,
    /// When, milliseconds since 1970 by the master's clock.
    pub at: u64,
}

/// The ledger of one target of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetState {
    /// Who.
    pub id: MinionId,
    /// How it stands now: the last step's state.
    pub state: Standing,
    /// Its way so far, oldest first; never empty.
    pub steps: Vec<Step>,
    /// Why, where the state alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The counts at the end of a job's stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Targeted minions.
    pub targeted: u64,
    /// Answered without failure.
    pub succeeded: u64,
    /// Answered with failure.
    pub failed: u64,
    /// Known to be down.
    pub offline: Vec<MinionId>,
    /// Connected, no sign.
    pub silent: Vec<MinionId>,
    /// Still running when the stream ended.
    pub running: Vec<MinionId>,
    /// Not connected; they run it if they come online in time.
    #[serde(default)]
    pub waiting: Vec<MinionId>,
}

/// Lists of ids by key state: `GET /keys`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyList {
    /// Accepted.
    pub minions: Vec<String>,
    /// Pending.
    pub minions_pre: Vec<String>,
    /// Rejected.
    pub minions_rejected: Vec<String>,
    /// Denied.
    pub minions_denied: Vec<String>,
}

/// `POST /keys`: moves or deletes keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// `accept`, `reject` or `delete`.
    pub action: KeyAction,
    /// The keys meant: directory (`minions_pre`, …) and id, as listed before.
    pub keys: Vec<(String, String)>,
}

/// What to do with keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyAction {
    /// Move to accepted.
    Accept,
    /// Move to rejected.
    Reject,
    /// Remove.
    Delete,
}

/// `POST /keys/tokens`: a one-time token that lets a key in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// Glob of the ids it is for.
    pub pattern: String,
    /// How long it is good, in seconds.
    pub seconds: u64,
}

/// What a new minion is given.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The token: a secret.
    pub token: String,
    /// Fingerprint of the master's root, which the minion is to expect.
    pub root: String,
}

/// A key of the master itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnKey {
    /// What minions pin.
    Root,
    /// What it certifies: the keys of sessions and of publications.
    Online,
}

impl OwnKey {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Online => "online",
        }
    }
}

/// `POST /keys/own`: replaces a key of the master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceOwn {
    /// Which one.
    pub which: OwnKey,
}

/// What became of the master's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Fingerprint of the root before.
    pub before: String,
    /// Fingerprint of the root now.
    pub after: String,
    /// How many minions were connected and know it already.
    pub told: usize,
}

/// `POST /runners`: a function of the master itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunnerCall {
    /// `module.function`.
    pub fun: String,
    /// Arguments by position.
    #[serde(default)]
    pub arg: Vec<Value>,
    /// Arguments by name.
    #[serde(default)]
    pub kwarg: Map,
}

/// What a runner answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunnerReturn {
    /// The value.
    pub value: Value,
    /// The exit status it leaves; 0 is success.
    pub retcode: i32,
    /// Told to whoever asked, beside the value.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// The body of an answer that is not a stream and did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// Exit status a command should end with.
    pub exit: u8,
    /// For a person.
    pub message: String,
}

/// `POST /jobs/{jid}/cancel`: what was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// Targets that will not start it any more.
    pub stopped: Vec<MinionId>,
    /// Targets that have it already or may have it: they end it themselves, or by `saltutil.kill_job`.
    pub under_way: Vec<MinionId>,
}
