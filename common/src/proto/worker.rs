//! What the minion's daemon and a worker process say to each other over their inherited socket pair.
//!
//! Each frame is a big-endian u32 length and one msgpack message. The worker may ask what the daemon may ask the
//! master, and what only the daemon knows; it never sees the session.

use serde::{Deserialize, Serialize};

use super::files::Manifest;
use super::request::{Reply, Request};
use crate::diag::Diagnostic;
use crate::ids::{Jid, MinionId};
use crate::value::{Map, Value};

/// Largest frame: a return of the wire's largest message with its envelope.
pub const MAX_FRAME: usize = 17 * 1024 * 1024;

/// What to run, and all that is known at its start.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The minion.
    pub id: MinionId,
    /// The job; `None` for a call through the daemon's socket.
    pub jid: Option<Jid>,
    /// `module.function`.
    pub fun: String,
    /// Arguments by position.
    pub arg: Vec<Value>,
    /// Arguments by name.
    pub kwarg: Map,
    /// Grains.
    pub grains: Map,
    /// Pillar.
    pub pillar: Map,
    /// Configuration that functions may see.
    pub opts: Map,
    /// Directory of cached files and locks.
    pub cache_dir: String,
    /// Directory of the configuration, when there is one.
    #[serde(default)]
    pub config_dir: Option<String>,
    /// Address space the worker may use, in bytes; 0 for no limit.
    pub memory_limit: u64,
}

/// How a call ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// The answer, or the error's text.
    pub ret: Value,
    /// Exit status, 0 for success.
    pub retcode: i32,
    /// False when it failed.
    pub success: bool,
    /// True when the function was not run: unknown, or its arguments do not fit.
    #[serde(default)]
    pub refused: bool,
    /// The outputter the function asks for.
    #[serde(default)]
    pub out: Option<String>,
    /// Diagnostics beside the text.
    #[serde(default)]
    pub diagnostics: Vec<Diagnostic>,
}

/// From the daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToWorker {
    /// First and once.
    Start(Box<Start>),
    /// To an `Ask` of the same id.
    Answer {
        /// The question's id.
        id: u64,
        /// The answer.
        body: Answer,
    },
    /// The daemon stops; the worker goes on and takes its job to the next one.
    Stay {
        /// The socket of the next daemon.
        socket: String,
    },
}

/// From the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromWorker {
    /// A question; answers may come in any order.
    Ask {
        /// Chosen by the worker.
        id: u64,
        /// The question.
        body: Ask,
    },
    /// A chunk of a state run finished.
    Chunk {
        /// Chunks finished.
        done: u32,
        /// Chunks in all.
        total: u32,
        /// The chunk's key in the run's return.
        key: String,
        /// Its result.
        result: Value,
    },
    /// Last: the worker exits.
    Done(Box<Finished>),
    /// To `Stay`, and the last on this socket.
    Stays {},
    /// First on the socket of another daemon: here is a job that stayed.
    Resume {
        /// The job.
        jid: Jid,
    },
}

impl std::fmt::Debug for Start {
    /// Arguments and pillar may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start").field("jid", &self.jid).field("fun", &self.fun).finish_non_exhaustive()
    }
}

/// What a worker may ask.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// A question for the master, passed on as it is. Answered by `Master`.
    Master(Box<Request>),
    /// The file of an environment as a file on this machine. Answered by `File`.
    Fetch {
        /// Environment.
        env: String,
        /// Path in it.
        path: String,
    },
    /// What the master has below a place. Answered by `Tree`.
    Tree {
        /// Environment.
        env: String,
        /// How the paths start.
        prefix: String,
        /// How many files are wanted at most.
        most: u32,
    },
    /// Brings all files whose paths start with a prefix to this machine. Answered by `Tree`.
    FetchTree {
        /// Environment.
        env: String,
        /// How the paths start.
        prefix: String,
    },
    /// The jobs that run or wait now. Answered by `Running`.
    Running {},
    /// Ends a job with a signal. Answered by `Signalled`.
    Signal {
        /// The job.
        jid: Jid,
        /// The signal's number.
        signal: i32,
    },
    /// Collects the grains again. Answered by `Map`.
    RefreshGrains {},
    /// Fetches the pillar again. Answered by `Map`.
    RefreshPillar {
        /// State environment.
        saltenv: Option<String>,
        /// Pillar environment.
        pillarenv: Option<String>,
        /// Overrides merged over it.
        overrides: Map,
    },
}

impl std::fmt::Debug for Ask {
    /// Only what is asked: contents may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Master(request) => request.name(),
            Self::Fetch { .. } => "Fetch",
            Self::Tree { .. } => "Tree",
            Self::FetchTree { .. } => "FetchTree",
            Self::Running {} => "Running",
            Self::Signal { .. } => "Signal",
            Self::RefreshGrains {} => "RefreshGrains",
            Self::RefreshPillar { .. } => "RefreshPillar",
        })
    }
}

/// What the daemon answers.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To `Master`.
    Master(Box<Reply>),
    /// To `Fetch`: where the file is; `None` when there is no such file.
    File {
        /// Absolute path.
        local: Option<String>,
    },
    /// To `Tree` and `FetchTree`: `None` when there are more files than were wanted.
    Tree {
        /// The manifest.
        manifest: Option<Manifest>,
    },
    /// To `Running`.
    Running {
        /// The jobs.
        jobs: Vec<Running>,
    },
    /// To `Signal`.
    Signalled {
        /// False when there is no such job.
        found: bool,
    },
    /// To `RefreshGrains` and `RefreshPillar`.
    Map(Map),
    /// The question could not be answered.
    Failed {
        /// Why, for a person.
        why: String,
    },
}

impl std::fmt::Debug for Answer {
    /// Only what is answered: contents may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Master(reply) => reply.fmt(f),
            Self::File { local } => f.debug_struct("File").field("local", local).finish(),
            Self::Tree { .. } => f.write_str("Tree"),
            Self::Running { jobs } => f.debug_struct("Running").field("jobs", &jobs.len()).finish(),
            Self::Signalled { found } => f.debug_struct("Signalled").field("found", found).finish(),
            Self::Map(_) => f.write_str("Map"),
            Self::Failed { why } => f.debug_struct("Failed").field("why", why).finish(),
        }
    }
}

/// A job that runs or waits for a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// Its id.
    pub jid: Jid,
    /// The function.
    pub fun: String,
    /// Its arguments.
    pub arg: Vec<Value>,
    /// Process id of its worker, 0 inside the daemon.
    pub pid: u32,
    /// Who asked.
    pub user: String,
    /// Target as published.
    pub target: String,
    /// Waiting for a free worker.
    pub queued: bool,
}
