//! Bodies of the HTTP API on the master's unix socket. Our clients ask for msgpack, others get JSON.
//!
//! `POST /jobs` answers with one stream of [`JobEvent`]s: as msgpack each frame is a big-endian u32 length and the
//! encoded event; as JSON each event is one line.

use serde::{Deserialize, Serialize};

use super::job::Target;
use super::ret::{Progress, Return};
use crate::ids::{Jid, MinionId};
use crate::value::{Map, Value};

/// `POST /jobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewJob {
    /// Who is meant.
    pub target: Target,
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
        /// Those of them that are known to be down: they will not run it.
        down: Vec<MinionId>,
        /// Accepted minions whose grains are not known yet, when the target needs grains.
        unknown_grains: u64,
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

/// How one target of a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Published; no sign yet.
    Sent,
    /// The minion said it runs the job.
    Running,
    /// Answered.
    Returned,
    /// Answered with a failure.
    Failed,
    /// Died in the middle.
    Interrupted,
    /// Would not run it.
    Refused,
    /// Too late to start.
    Expired,
    /// Had no session when the job was published, or lost it: known to be down.
    Offline,
    /// Connected but gave no sign within the time.
    Silent,
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
