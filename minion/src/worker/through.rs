//! The daemon as a running function sees it, wherever the function runs: every wish becomes a question.

use std::path::PathBuf;
use std::sync::Arc;

use fleet_common::call::CallError;
use fleet_common::ids::Jid;
use fleet_common::pillar::Wanted;
use fleet_common::proto::files::Manifest;
use fleet_common::proto::request::{Reply, Request};
use fleet_common::proto::worker::{Answer, Ask, Running};
use fleet_common::value::{Map, Value};

use crate::cx::{Daemon, RunningJob};
use crate::files::{Asker, FetchError};

/// Someone who takes questions to the daemon and waits for the answer.
pub trait Questions: Send + Sync {
    /// Asks; `Answer::Failed` comes back as an error.
    fn question(&self, ask: Ask) -> Result<Answer, CallError>;
    /// Tells that a chunk of a state run finished.
    fn chunk_done(&self, done: u32, total: u32, key: &str, result: &Value);
}

/// A [`Daemon`] and [`Asker`] behind questions.
pub struct Through<Q> {
    questions: Arc<Q>,
}

impl<Q: Questions> Through<Q> {
    /// The daemon behind `questions`.
    pub fn new(questions: Arc<Q>) -> Self {
        Self { questions }
    }

    fn map(&self, ask: Ask) -> Result<Arc<Map>, CallError> {
        match self.questions.question(ask)? {
            Answer::Map(map) => Ok(Arc::new(map)),
            _ => Err(strange()),
        }
    }

    /// What the master answers; a refusal is an error.
    fn master(&self, request: Request) -> Result<Reply, CallError> {
        match self.questions.question(Ask::Master(Box::new(request)))? {
            Answer::Master(reply) => match *reply {
                Reply::Error { message, .. } => Err(CallError::Failed(message)),
                reply => Ok(reply),
            },
            _ => Err(strange()),
        }
    }

    fn manifest(&self, ask: Ask) -> Result<Option<Manifest>, FetchError> {
        match self.questions.question(ask) {
            Ok(Answer::Tree { manifest }) => Ok(manifest),
            Ok(_) => Err(FetchError(strange().to_string())),
            Err(error) => Err(FetchError(error.to_string())),
        }
    }
}

fn strange() -> CallError {
    CallError::Failed("the minion daemon gave an answer to another question".to_owned())
}

impl<Q: Questions> Asker for Through<Q> {
    fn ask(&self, request: Request) -> Result<Reply, FetchError> {
        match self.questions.question(Ask::Master(Box::new(request))) {
            Ok(Answer::Master(reply)) => Ok(*reply),
            Ok(_) => Err(FetchError(strange().to_string())),
            Err(error) => Err(FetchError(error.to_string())),
        }
    }

    fn fetch(&self, env: &str, path: &str) -> Result<Option<PathBuf>, FetchError> {
        match self.questions.question(Ask::Fetch { env: env.to_owned(), path: path.to_owned() }) {
            Ok(Answer::File { local }) => Ok(local.map(PathBuf::from)),
            Ok(_) => Err(FetchError(strange().to_string())),
            Err(error) => Err(FetchError(error.to_string())),
        }
    }

    fn tree(&self, env: &str, prefix: &str, most: u32) -> Result<Option<Manifest>, FetchError> {
        self.manifest(Ask::Tree { env: env.to_owned(), prefix: prefix.to_owned(), most })
    }

    fn fetch_tree(&self, env: &str, prefix: &str) -> Result<Manifest, FetchError> {
        let manifest = self.manifest(Ask::FetchTree { env: env.to_owned(), prefix: prefix.to_owned() })?;
        manifest.ok_or_else(|| FetchError(strange().to_string()))
    }
}

impl<Q: Questions> Daemon for Through<Q> {
    fn running(&self) -> Vec<RunningJob> {
        match self.questions.question(Ask::Running {}) {
            Ok(Answer::Running { jobs }) => jobs.into_iter().map(shown).collect(),
            _ => Vec::new(),
        }
    }

    fn signal_job(&self, jid: &Jid, signal: i32) -> bool {
        let ask = Ask::Signal { jid: jid.clone(), signal };
        matches!(self.questions.question(ask), Ok(Answer::Signalled { found: true }))
    }

    fn refresh_grains(&self) -> Result<Arc<Map>, CallError> {
        self.map(Ask::RefreshGrains {})
    }

    fn refresh_pillar(&self, wanted: &Wanted) -> Result<Arc<Map>, CallError> {
        let Wanted { saltenv, pillarenv, overrides } = wanted.clone();
        self.map(Ask::RefreshPillar { saltenv, pillarenv, overrides })
    }

    fn compile_pillar(&self, wanted: &Wanted) -> Result<Arc<Map>, CallError> {
        let Wanted { saltenv, pillarenv, overrides } = wanted.clone();
        match self.master(Request::Pillar { saltenv, pillarenv, overrides })? {
            Reply::Pillar { mut pillar, errors } => {
                if !errors.is_empty() {
                    pillar.insert("_errors", errors.into_iter().collect::<Value>());
                }
                Ok(Arc::new(pillar))
            }
            _ => Err(strange()),
        }
    }

    fn fire_event(&self, tag: &str, data: &Value) -> Result<(), CallError> {
        match self.master(Request::Event { tag: tag.to_owned(), data: data.clone() })? {
            Reply::Done {} => Ok(()),
            _ => Err(strange()),
        }
    }

    fn ask_master(&self, request: Request) -> Result<Reply, CallError> {
        self.master(request)
    }

    fn has_master(&self) -> bool {
        true
    }

    fn chunk_done(&self, done: u32, total: u32, key: &str, result: &Value) {
        self.questions.chunk_done(done, total, key, result);
    }
}

fn shown(job: Running) -> RunningJob {
    RunningJob {
        jid: job.jid,
        fun: job.fun,
        arg: job.arg,
        pid: job.pid,
        user: job.user,
        target: job.target,
        queued: job.queued,
    }
}
