//! `minion.sock`: calls of `saltcall` on this host share the daemon's session, pillar and cached files.
//!
//! The function runs in the caller's process, in its directory and environment; the daemon only answers its questions,
//! as it does a worker's. Open to the daemon's own user alone.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use fleet_common::ids::Jid;
use fleet_common::proto::worker::{Answer, Ask, Start};
use fleet_common::transport::Boxed;
use fleet_common::value::{Map, Value};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::job::Jobs;
use crate::pillar;
use crate::service::Service;
use crate::worker::host::{self, Last, WorkerError};

/// Calls at once.
const MOST_CALLS: usize = 32;

/// What a call is told of this minion.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the socket is.
    pub path: PathBuf,
    /// Directory of cached files and locks.
    pub cache_dir: PathBuf,
    /// Directory of the configuration.
    pub config_dir: PathBuf,
}

/// Makes the socket, in the place of one that a former daemon left. The caller is the only daemon of this directory.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Nobody may connect before the mode is set: it is made under another name in a directory of its own.
    let folder = path.with_extension("new");
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir(&folder)?;
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
    let fresh = folder.join("s");
    let listener = UnixListener::bind(&fresh)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&fresh, path)?;
    std::fs::remove_dir(&folder)?;
    Ok(listener)
}

/// Serves calls for ever; ends when dropped.
pub async fn run(listener: UnixListener, settings: Settings, service: Arc<Service>, jobs: Arc<Jobs>) {
    let mut calls = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if calls.len() < MOST_CALLS => match accepted {
                Ok((stream, _)) => {
                    let (settings, service, jobs) = (settings.clone(), service.clone(), jobs.clone());
                    calls.spawn(async move { serve(stream, &settings, service, jobs).await });
                }
                Err(error) => {
                    tracing::error!(%error, "a call could not be accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            },
            Some(_) = calls.join_next() => {}
        }
    }
}

async fn serve(stream: UnixStream, settings: &Settings, service: Arc<Service>, jobs: Arc<Jobs>) {
    if jobs.are_leaving() {
        // A worker that looks for the next daemon was too early; it tries again.
        return;
    }
    let own = rustix::process::geteuid().as_raw();
    let peer = stream.peer_cred().ok().filter(|peer| peer.uid() == own || peer.uid() == 0);
    let Some(peer) = peer else { return tracing::warn!("a call of another user was refused") };
    let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0);
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let known = &service.known;
    let start = Start {
        id: known.id().clone(),
        jid: None,
        fun: String::new(),
        arg: Vec::new(),
        kwarg: Map::new(),
        grains: (*known.grains()).clone(),
        pillar: (*pillar::at_hand(known, &service.uplink).await).clone(),
        opts: (*known.opts()).clone(),
        cache_dir: text(&settings.cache_dir),
        config_dir: Some(text(&settings.config_dir)),
        memory_limit: 0,
    };
    let caller = Arc::new(Caller { service, jobs, pid, resumed: OnceLock::new() });
    let ended = host::converse(stream, start, caller.clone()).await;
    let Some(jid) = caller.resumed.get() else {
        if let Err(error) = ended {
            tracing::debug!(%error, "a call ended badly");
        }
        return;
    };
    let ended = match ended {
        Ok(Last::Done(finished)) => Ok(finished),
        Ok(Last::Stays) => Err(WorkerError::Stays),
        // Not a child of this daemon: how it ended nobody here learns.
        Ok(Last::Gone) => Err(WorkerError::Exit(-1)),
        Err(error) => Err(error.into()),
    };
    caller.jobs.resumed(jid, ended).await;
}

/// A call of `saltcall`, or a worker of the daemon before with its job.
struct Caller {
    service: Arc<Service>,
    jobs: Arc<Jobs>,
    pid: u32,
    resumed: OnceLock<Jid>,
}

impl host::Service for Caller {
    fn answer(&self, ask: Ask) -> Boxed<'_, Answer> {
        Box::pin(self.service.answer(ask))
    }
    fn started(&self, _: u32) {}
    fn chunk_done(&self, _: u32, _: u32, _: String, _: Value) {}
    fn resume(&self, jid: &Jid) -> Option<Arc<dyn host::Service>> {
        // One job a socket; a second one would have nobody to report it.
        let attendant = self.resumed.get().is_none().then(|| self.jobs.resume(jid, self.pid)).flatten()?;
        drop(self.resumed.set(jid.clone()));
        Some(Arc::new(attendant))
    }
}
