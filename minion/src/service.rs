//! What the daemon answers to running functions, wherever they run.

use std::sync::Arc;

use fleet_common::call::CallError;
use fleet_common::proto::request::{Reply, Request};
use fleet_common::proto::ret::Progress;
use fleet_common::proto::worker::{Answer, Ask};
use fleet_common::value::Value;
use tokio::runtime::Handle;

use crate::files::cache::FileCache;
use crate::known::Known;
use crate::pillar::{self, Wanted};
use crate::running::Directory;
use crate::uplink::{AskError, PATIENCE, Uplink};
use crate::worker::Questions;

/// Everything that answers are made of.
pub struct Service {
    /// The minion itself.
    pub known: Arc<Known>,
    /// The master.
    pub uplink: Uplink,
    /// Files of the master.
    pub files: FileCache,
    /// The jobs that run now.
    pub running: Arc<Directory>,
}

impl Service {
    /// Answers one question.
    pub async fn answer(&self, ask: Ask) -> Answer {
        match ask {
            Ask::Master(request) => self.pass_on(*request).await,
            Ask::Fetch { env, path } => match self.files.fetch(&self.uplink, &env, &path).await {
                Ok(local) => Answer::File { local: local.map(|path| path.to_string_lossy().into_owned()) },
                Err(error) => Answer::Failed { why: error.to_string() },
            },
            Ask::Tree { env, prefix, most } => match self.files.tree(&self.uplink, &env, &prefix, most).await {
                Ok(manifest) => Answer::Tree { manifest: manifest.map(|manifest| (*manifest).clone()) },
                Err(error) => Answer::Failed { why: error.to_string() },
            },
            Ask::FetchTree { env, prefix } => match self.files.fetch_tree(&self.uplink, &env, &prefix).await {
                Ok(manifest) => Answer::Tree { manifest: Some((*manifest).clone()) },
                Err(error) => Answer::Failed { why: error.to_string() },
            },
            Ask::Running {} => Answer::Running { jobs: self.running.list() },
            Ask::Signal { jid, signal } => Answer::Signalled { found: self.running.signal(&jid, signal) },
            Ask::RefreshGrains {} => self.refresh_grains().await,
            Ask::RefreshPillar { saltenv, pillarenv, overrides } => {
                let wanted = Wanted { saltenv, pillarenv, overrides };
                match pillar::refresh(&self.known, &self.uplink, wanted).await {
                    Ok(pillar) => Answer::Map((*pillar).clone()),
                    Err(error) => Answer::Failed { why: error.to_string() },
                }
            }
        }
    }

    async fn pass_on(&self, request: Request) -> Answer {
        use Request as R;
        match request {
            R::Environments {}
            | R::Files { .. }
            | R::Stat { .. }
            | R::Options {}
            | R::Event { .. }
            | R::Mine(_)
            | R::Runner(_)
            | R::Pillar { .. } => match self.uplink.ask(request, PATIENCE).await {
                Ok(reply) => Answer::Master(Box::new(reply)),
                Err(AskError::Refused { code, message }) => Answer::Master(Box::new(Reply::Error { code, message })),
                Err(error) => Answer::Failed { why: error.to_string() },
            },
            // Returns, beats and the like are the daemon's own.
            _ => Answer::Failed { why: "a function may not ask this of the master".to_owned() },
        }
    }

    async fn refresh_grains(&self) -> Answer {
        let known = self.known.clone();
        let Ok(grains) = tokio::task::spawn_blocking(move || known.refresh_grains()).await else {
            return Answer::Failed { why: "the grains could not be collected".to_owned() };
        };
        self.send_grains().await;
        Answer::Map((*grains).clone())
    }

    /// Tells the master the grains.
    pub async fn send_grains(&self) {
        let request = Request::Grains { grains: (*self.known.grains()).clone() };
        if let Err(error) = self.uplink.ask(request, PATIENCE).await {
            tracing::warn!(%error, "the grains could not be told");
        }
    }

    /// Tells the master how far a job is; whether it arrives does not matter.
    pub fn tell_progress(&self, runtime: &Handle, progress: Progress) {
        let uplink = self.uplink.clone();
        runtime.spawn(async move { drop(uplink.ask(Request::Progress(progress), PATIENCE).await) });
    }
}

/// Questions of functions that run inside the daemon, on a thread of the quick pool.
pub struct Inside {
    /// Who answers.
    pub service: Arc<Service>,
    /// Where the answers are made.
    pub runtime: Handle,
}

impl Questions for Inside {
    fn question(&self, ask: Ask) -> Result<Answer, CallError> {
        match self.runtime.block_on(self.service.answer(ask)) {
            Answer::Failed { why } => Err(CallError::Failed(why)),
            answer => Ok(answer),
        }
    }

    fn chunk_done(&self, _done: u32, _total: u32, _key: &str, _result: &Value) {
        // No quick function runs states.
    }
}
