//! What minion and master say to each other inside a session on the request socket.
//!
//! Who is asking is the session's identity: no message carries an id that would be believed.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::files::{Brought, FileFacts, TreeState, Wanted};
use super::job::Job;
use super::mine::{Mine, RunnerAsk};
use super::ret::{Progress, Return};
use crate::ids::Jid;
use crate::value::{Map, Value};

/// What a session is for, told in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A minion daemon: publications, presence.
    Minion,
    /// One foreground call (`saltcall`): neither of them; fenced only against other calls.
    Call,
}

/// What speaks for a key that the master does not know yet: said in the handshake, to a master that is believed.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Enrolment {
    /// A one-time token of the master.
    #[serde(default)]
    pub token: Option<String>,
    /// Grains that `autosign_grains` of the minion names, for `autosign_grains_dir` of the master: claims.
    #[serde(default)]
    pub grains: Map,
}

impl Enrolment {
    /// Most bytes of a token, and of all grains encoded: the message has 4 KiB.
    pub const MOST: (usize, usize) = (128, 1024);
}

impl std::fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Enrolment {{ token: {}, .. }}", self.token.is_some())
    }
}

/// How the master sees the key of the session's peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// May ask everything a minion may.
    Accepted,
    /// Waits for an operator; only this answer is given.
    Pending,
    /// An operator said no.
    Rejected,
    /// Another key is known under this id.
    Denied,
}

/// The first message in a session, from the master.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// How the master sees the key. Unless accepted, nothing else is filled and nothing may be asked.
    pub state: KeyState,
    /// Keys of the publication stream, when accepted and in the role of a minion.
    #[serde(default)]
    pub stream: Option<StreamKeys>,
    /// Milliseconds since 1970 in the master's clock.
    pub now: u64,
    /// Seconds after which a minion that is not accepted may try again.
    #[serde(default)]
    pub retry_after: u32,
    /// True when the master knows grains with the digest that the handshake told; else they are sent.
    #[serde(default)]
    pub grains_known: bool,
    /// Why a known key is not served (a second daemon with the same key), for the log.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What opens publications. Told only inside sessions; never stored.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamKeys {
    /// The publishing master's stream.
    pub stream: u64,
    /// The epoch: random per start of the master.
    pub epoch: u64,
    /// Which group key; goes up when an accepted key is removed.
    pub key_id: u32,
    /// The group key, 32 bytes.
    pub key: ByteBuf,
    /// The newest counter that was used before this message.
    pub counter: u64,
    /// The key that comes after it, while a rotation is under way.
    #[serde(default)]
    pub next: Option<NextKey>,
}

/// A group key that is told before it is used.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct NextKey {
    /// Which group key.
    pub key_id: u32,
    /// The group key, 32 bytes.
    pub key: ByteBuf,
}

impl std::fmt::Debug for NextKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NextKey {{ key_id: {}, .. }}", self.key_id)
    }
}

impl std::fmt::Debug for StreamKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamKeys {{ stream: {}, epoch: {}, key_id: {}, .. }}", self.stream, self.epoch, self.key_id)
    }
}

/// What a minion asks. Each arm is answered by the arm of `Reply` with the same name, or `Reply::Error`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// After opening a session or at a gap in the publications: what is still owed to me? Answered by `Owed`.
    Sync {
        /// Unexpired jobs this minion has already begun or finished.
        begun: Vec<Jid>,
    },
    /// A return; `Stored` comes only after it is committed.
    Return(Box<Return>),
    /// A sign of life, every ten seconds; answered by `Beat`.
    Beat {
        /// Jobs that run now.
        running: Vec<Jid>,
        /// Jobs that wait for a worker.
        #[serde(default)]
        queued: Vec<Jid>,
    },
    /// How far a job is; answered by `Done`.
    Progress(Progress),
    /// Grains of this minion, whole; answered by `Done`. Sent at session open when the hash differs, and on refresh.
    Grains {
        /// The grains.
        grains: Map,
    },
    /// The minion's own pillar, compiled by the master; answered by `Pillar`.
    Pillar {
        /// State environment of the run (`None`: the default).
        #[serde(default)]
        saltenv: Option<String>,
        /// Pillar environment.
        #[serde(default)]
        pillarenv: Option<String>,
        /// Overrides merged over it (`pillar=` of a state run on the minion itself).
        #[serde(default)]
        overrides: Map,
    },
    /// Names of the file environments; answered by `Names`.
    Environments {},
    /// Files of an environment; answered by `Names`.
    Files {
        /// Environment.
        env: String,
        /// Only paths that start with this.
        prefix: String,
        /// List directories instead of files.
        #[serde(default)]
        directories: bool,
    },
    /// What is known of a file; answered by `Stat`.
    Stat {
        /// Environment.
        env: String,
        /// Path in it.
        path: String,
    },
    /// All files whose paths start with a prefix; answered by `Tree`.
    Tree {
        /// Environment.
        env: String,
        /// How the paths start.
        prefix: String,
        /// Digest of the manifest that the minion has; empty for none.
        known: ByteBuf,
        /// How many files are wanted at most.
        most: u32,
    },
    /// Small files, those that the minion has left out; answered by `Brought`.
    Bring {
        /// Environment.
        env: String,
        /// The files.
        files: Vec<Wanted>,
    },
    /// A part of a file; answered by `Part`. Several may be open at once: that is the credit of a transfer.
    Read {
        /// Environment.
        env: String,
        /// Path in it.
        path: String,
        /// First byte.
        offset: u64,
        /// At most so many bytes (the master answers at most 256 KiB).
        length: u32,
        /// SHA-256 that the file must have; with another content it counts as gone. Empty: whatever it is.
        #[serde(default)]
        sha256: ByteBuf,
    },
    /// The arguments of a job that was published by reference; answered by `Payload`, to its targets only.
    Payload {
        /// The job.
        jid: Jid,
    },
    /// The state top's matches and other master-side options a minion may see; answered by `Options`.
    Options {},
    /// An event for the master's bus; any tag but `salt/`. Answered by `Done`.
    Event {
        /// Tag.
        tag: String,
        /// Data.
        data: Value,
    },
    /// Values that minions give to each other; answered by `Data`.
    Mine(Mine),
    /// A runner, as `peer_run` of the master allows it; answered by `Data`.
    Runner(RunnerAsk),
}

/// What a master answers.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To `Sync`.
    Owed {
        /// Unexpired jobs this minion is owed and did not name.
        jobs: Vec<Job>,
    },
    /// To `Return`: it is on disk.
    Stored {},
    /// To `Beat`: the master's clock, the newest counter, and which jobs are watched.
    Beat {
        /// Milliseconds since 1970.
        now: u64,
        /// Newest publication counter.
        counter: u64,
        /// Those of the jobs that the beat names of which somebody wants to know how far they are.
        #[serde(default)]
        watched: Vec<Jid>,
    },
    /// To requests without a content of their own.
    Done {},
    /// To `Pillar`.
    Pillar {
        /// The pillar.
        pillar: Map,
        /// Diagnostics when it failed; then no state may run.
        #[serde(default)]
        errors: Vec<String>,
    },
    /// To `Environments` and `Files`.
    Names {
        /// Sorted names.
        names: Vec<String>,
    },
    /// To `Stat`: `None` when there is no such file.
    Stat {
        /// The file.
        stat: Option<FileFacts>,
    },
    /// To `Tree`.
    Tree {
        /// The manifest, unless the minion has it.
        state: TreeState,
    },
    /// To `Bring`: in the order of the question. The answer may end early; the rest is to be asked for again.
    Brought {
        /// The files.
        files: Vec<Brought>,
    },
    /// To `Read`: `None` when there is no such file, or no longer this one.
    Part {
        /// The bytes.
        bytes: Option<ByteBuf>,
        /// Size of the whole file now.
        size: u64,
    },
    /// To `Payload`.
    Payload {
        /// Arguments by position.
        arg: Vec<Value>,
        /// Arguments by name.
        kwarg: Map,
    },
    /// To `Options`: `file_roots` names, nodegroups, `state_top`, … as configured on the master.
    Options {
        /// The options.
        options: Map,
    },
    /// To `Mine` and `Runner`.
    Data {
        /// The answer.
        value: Value,
    },
    /// The request was not served.
    Error {
        /// Machine-readable: `denied`, `busy`, `invalid`, `not_found`, `failed`.
        code: String,
        /// For a person.
        message: String,
    },
}

impl Request {
    /// What is asked, without content: contents may be secret.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sync { .. } => "Sync",
            Self::Return(_) => "Return",
            Self::Beat { .. } => "Beat",
            Self::Progress(_) => "Progress",
            Self::Grains { .. } => "Grains",
            Self::Pillar { .. } => "Pillar",
            Self::Environments { .. } => "Environments",
            Self::Files { .. } => "Files",
            Self::Stat { .. } => "Stat",
            Self::Tree { .. } => "Tree",
            Self::Bring { .. } => "Bring",
            Self::Read { .. } => "Read",
            Self::Payload { .. } => "Payload",
            Self::Options { .. } => "Options",
            Self::Event { .. } => "Event",
            Self::Mine(_) => "Mine",
            Self::Runner(_) => "Runner",
        }
    }
}

impl Reply {
    /// What is answered, without content: pillar, arguments and files may be secret.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Owed { .. } => "Owed",
            Self::Stored { .. } => "Stored",
            Self::Beat { .. } => "Beat",
            Self::Done { .. } => "Done",
            Self::Pillar { .. } => "Pillar",
            Self::Names { .. } => "Names",
            Self::Stat { .. } => "Stat",
            Self::Tree { .. } => "Tree",
            Self::Brought { .. } => "Brought",
            Self::Part { .. } => "Part",
            Self::Payload { .. } => "Payload",
            Self::Options { .. } => "Options",
            Self::Data { .. } => "Data",
            Self::Error { .. } => "Error",
        }
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct(self.name()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct(self.name());
        if let Self::Error { code, message } = self {
            shown.field("code", code).field("message", message);
        }
        shown.finish_non_exhaustive()
    }
}

/// What a master says unasked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Push {
    /// A new group key; the old one still opens frames from before the switch for five seconds.
    Keys(StreamKeys),
    /// Are you alive? Answered by a `Beat` request at once.
    Probe {},
    /// The session ends: the key was removed or replaced, or a newer daemon took over.
    Goodbye {
        /// Why, for the log.
        reason: String,
    },
    /// The root or the online keys were replaced: the new ones, signed, encoded. What comes next may be signed by them.
    Renewed {
        /// What the handshake would show.
        proof: ByteBuf,
    },
}

/// The plaintext that sessions carry, after records are joined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Master to minion, first.
    Welcome(Welcome),
    /// Minion to master.
    Request {
        /// Chosen by the asker; at most 32 open at once.
        id: u64,
        /// What is asked.
        body: Request,
    },
    /// Master to minion.
    Reply {
        /// The request's id.
        id: u64,
        /// The answer.
        body: Reply,
    },
    /// Master to minion.
    Push(Push),
}

/// Turn-taking classes of a session's outgoing messages, most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Beats, welcome, pushes, sync.
    Control = 0,
    /// Returns and their acknowledgement.
    Returns = 1,
    /// Pillar, grains, payloads.
    Pillar = 2,
    /// Files.
    Files = 3,
}

impl Message {
    /// The class a message takes turns in.
    pub fn class(&self) -> Class {
        match self {
            Self::Welcome(_) | Self::Push(_) => Class::Control,
            Self::Request { body, .. } => match body {
                Request::Sync { .. } | Request::Beat { .. } => Class::Control,
                Request::Return(_) | Request::Progress(_) => Class::Returns,
                Request::Environments {}
                | Request::Files { .. }
                | Request::Stat { .. }
                | Request::Tree { .. }
                | Request::Bring { .. }
                | Request::Read { .. } => Class::Files,
                _ => Class::Pillar,
            },
            Self::Reply { body, .. } => match body {
                Reply::Owed { .. } | Reply::Beat { .. } | Reply::Done {} | Reply::Error { .. } => Class::Control,
                Reply::Stored {} => Class::Returns,
                Reply::Part { .. }
                | Reply::Names { .. }
                | Reply::Stat { .. }
                | Reply::Tree { .. }
                | Reply::Brought { .. } => Class::Files,
                _ => Class::Pillar,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_what_may_be_secret() {
        let secret: Map = [("password", "hunter2")].into_iter().collect();
        let reply = Reply::Pillar { pillar: secret.clone(), errors: Vec::new() };
        let payload = Reply::Payload { arg: vec!["hunter2".into()], kwarg: secret.clone() };
        let request = Request::Pillar { saltenv: None, pillarenv: None, overrides: secret };
        let shown = format!("{reply:?} {payload:?} {request:?} {:?}", Message::Reply { id: 1, body: reply.clone() });
        assert!(shown.starts_with("Pillar { .. } Payload { .. } Pillar { .. } Reply"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
