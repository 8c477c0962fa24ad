//! A return: what one minion answers for one job.

use serde::{Deserialize, Serialize};

use crate::ids::{FunctionName, Jid, MinionId};
use crate::value::{Map, Value};

/// How a started job ended on a minion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The function ran and answered (perhaps with a failure: see `success`).
    Returned,
    /// The minion died or was stopped in the middle; it is never run again.
    Interrupted,
    /// The minion would not run it (unknown function, not allowed, wrong arguments).
    Refused,
    /// It arrived too late to start.
    Expired,
}

/// One minion's answer to one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Return {
    /// The job.
    pub jid: Jid,
    /// The minion as it names itself; the master overwrites it with the session's identity.
    pub id: MinionId,
    /// The function that ran.
    pub fun: FunctionName,
    /// Its arguments as run, for look-ups; secrets are left out.
    #[serde(default)]
    pub fun_args: Vec<Value>,
    /// How it ended.
    pub end: End,
    /// The answer, or the error's text.
    #[serde(rename = "return", default)]
    pub ret: Value,
    /// Exit status, 0 for success.
    #[serde(default)]
    pub retcode: i32,
    /// False when it failed.
    #[serde(default)]
    pub success: bool,
    /// The outputter the function asks for (`highstate`), if any.
    #[serde(default)]
    pub out: Option<String>,
    /// Structured diagnostics beside the texts (see `diag::Diagnostic`), as plain values.
    #[serde(default)]
    pub diagnostics: Vec<crate::diag::Diagnostic>,
    /// Start, milliseconds since 1970 in the minion's clock.
    #[serde(default)]
    pub started: u64,
    /// Run time in milliseconds.
    #[serde(default)]
    pub duration: f64,
    /// Further named facts for later versions.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub more: Map,
}

/// How far a running job is, sent at most once a second while somebody follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The job.
    pub jid: Jid,
    /// Chunks finished.
    pub done: u32,
    /// Chunks in all.
    pub total: u32,
    /// The chunk that failed last, if any (`id: state.fun`).
    #[serde(default)]
    pub last_failure: Option<String>,
}
