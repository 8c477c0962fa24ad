//! The minion: verifies and runs jobs, keeps their returns until the master has them, applies states.

pub mod attach;
pub mod attendant;
pub mod cli;
pub mod config;
pub mod connect;
pub mod cx;
pub mod edit;
pub mod files;
pub mod foreground;
pub mod giving;
pub mod grains;
pub mod highstate;
pub mod job;
pub mod journal;
pub mod kept;
pub mod known;
pub mod listen;
pub mod masterless;
pub mod modules;
pub mod outcome;
pub mod own_key;
pub mod own_mine;
pub mod pages;
pub mod pillar;
pub mod pki;
pub mod providers;
pub mod registry;
pub mod report;
pub mod running;
pub mod service;
pub mod socket;
pub mod states;
pub mod stay;
pub mod system;
#[cfg(test)]
mod tests;
pub mod uplink;
pub mod worker;

use std::fs::File;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fleet_common::crypto::trust::Trust;
use fleet_common::diag::{Diagnostic, Kind};
use fleet_common::render::{Limits, Renderer};
use fleet_common::transport::{Carrier, ConnectOptions, Connector, ConnectorOptions, ZmqConnector};
use fleet_common::value::Map;
use rustix::fs::FlockOperation;

use crate::config::Config;
use crate::cx::Functions;
use crate::files::cache::FileCache;
use crate::grains::GrainSources;
use crate::job::Jobs;
use crate::journal::Journal;
use crate::known::Known;
use crate::own_key::OwnKey;
use crate::service::Service;
use crate::stay::Stays;
use crate::uplink::Slot;
use crate::worker::Pool;
use crate::worker::host::Program;

/// Threads of the quick functions.
const QUICK_THREADS: usize = 2;
/// Time between beats, both ways.
const BEAT: Duration = Duration::from_secs(10);
/// How long a cache directory may still be locked by what is about to go.
const LOCK_WAIT: Duration = Duration::from_secs(1);
/// Pause between two looks at that lock.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A minion daemon. Several may live in one process.
pub struct Minion {
    connect: connect::Settings,
    jobs: Arc<Jobs>,
    service: Arc<Service>,
    journal: Arc<Journal>,
    queue: report::Queue,
    slot: Slot,
    socket: socket::Settings,
    mine_every: Option<std::time::Duration>,
    _lock: CacheLock,
}

/// Keeps other daemons out of a cache directory while it lives.
struct CacheLock(File);

impl Drop for CacheLock {
    fn drop(&mut self) {
        // Said aloud: a program that is just being started has a copy of the file for a moment.
        let _unlocked = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

/// Makes a running minion look at its machine again.
#[derive(Clone)]
pub struct Reloader(Arc<Service>, Arc<OwnKey>);

impl Reloader {
    /// Shows the master this minion's key if it was replaced; collects the grains again and tells them.
    pub async fn reload(&self) {
        self.1.look();
        drop(self.0.answer(fleet_common::proto::worker::Ask::RefreshGrains {}).await);
    }
}

/// Lets the jobs of a minion outlive it, while it still serves.
pub struct Leaver(Arc<Jobs>);

impl Leaver {
    /// Tells the workers to go on without this daemon; the next one of this cache directory takes their jobs over.
    pub async fn leave(&self) {
        self.0.leave().await;
    }
}

impl Minion {
    /// Loads keys and journal and collects grains; nothing is connected yet. `program` is started as a worker.
    pub fn new(config: &Config, functions: Arc<Functions>, program: Program) -> Result<Self, Diagnostic> {
        std::fs::create_dir_all(&config.cache_dir).map_err(|error| at(&config.cache_dir, &error))?;
        let lock = lock(&config.cache_dir)?;
        let own = Arc::new(OwnKey::load(&config.pki_dir)?);
        let trust = Trust::new(config.pki_dir.join("minion_master.pub"), config.master_finger);
        let path = config.cache_dir.join("journal");
        let stays = Arc::new(Stays::read(&config.cache_dir));
        let goes_on = |jid: &_| stays.expects(jid);
        let (journal, recovered) = Journal::open_with(&path, &config.id, journal::Limits::default(), goes_on)
            .map_err(|error| Diagnostic::new(Kind::Internal, error.to_string()))?;
        if recovered.damaged > 0 {
            tracing::warn!(bytes = recovered.damaged, "the journal's end was torn or parts of it were damaged");
        }
        for jid in &recovered.interrupted {
            tracing::warn!(%jid, "a job was interrupted when the minion stopped; it is reported and not run again");
        }
        let known = Arc::new(Known::new(config.id.clone(), config.opts.clone(), collector(config)));
        let (slot, uplink) = uplink::uplink();
        let (reporter, queue) = report::reporter();
        let service =
            Arc::new(Service { known, uplink, files: FileCache::new(&config.cache_dir), running: Arc::default() });
        let journal = Arc::new(journal);
        let settings = job::Settings {
            workers: config.workers,
            memory_limit: config.memory_limit,
            program,
            cache_dir: config.cache_dir.clone(),
            config_dir: Some(config.config_dir.clone()),
            socket: config.socket(),
            allowed: config.allowed.clone(),
        };
        let around = job::Surroundings {
            functions,
            renderer: Arc::new(Renderer::new(Limits::default())),
            service: service.clone(),
            journal: journal.clone(),
            reporter,
            pool: Pool::start(QUICK_THREADS).map_err(|error| Diagnostic::new(Kind::Internal, error.to_string()))?,
            stays,
        };
        let jobs = Arc::new(Jobs::new(settings, around));
        let connect = connect::Settings {
            own,
            enrolment: (config.token.clone(), config.autosign_grains.clone()),
            trust,
            first_wait: config.first_wait,
            most_wait: config.most_wait,
            beat: BEAT,
        };
        let socket = socket::Settings {
            path: config.socket(),
            cache_dir: config.cache_dir.clone(),
            config_dir: config.config_dir.clone(),
        };
        Ok(Self { connect, jobs, service, journal, queue, slot, socket, mine_every: config.mine_every, _lock: lock })
    }

    /// The fingerprint of the minion's key.
    pub fn finger(&self) -> String {
        self.connect.own.finger().to_string()
    }

    /// A handle for leaving.
    pub fn leaver(&self) -> Leaver {
        Leaver(self.jobs.clone())
    }

    /// A handle for reloading.
    pub fn reloader(&self) -> Reloader {
        Reloader(self.service.clone(), self.connect.own.clone())
    }

    /// Serves until `shutdown`; then ends what runs. What was begun is reported at the next start.
    pub async fn run(self, connector: Arc<dyn Connector>, shutdown: impl Future<Output = ()>) {
        let around = connect::Surroundings {
            connector,
            known: self.service.known.clone(),
            jobs: self.jobs.clone(),
            journal: self.journal.clone(),
            running: self.service.running.clone(),
            slot: self.slot,
        };
        tokio::select! {
            () = shutdown => {}
            () = connect::run(self.connect, around) => {}
            () = serve_calls(self.socket, self.service.clone(), self.jobs.clone()) => {}
            () = self.jobs.wait_for_stays() => {}
            () = giving::run(self.mine_every, self.service.clone(), self.jobs.clone()) => {}
            () = report::run(self.queue, self.journal, self.service.uplink.clone()) => {}
        }
        self.jobs.stop().await;
    }
}

/// Serves `saltcall`; a minion whose socket can't be made runs without it.
async fn serve_calls(settings: socket::Settings, service: Arc<Service>, jobs: Arc<Jobs>) {
    let made = settings.path.parent().map_or(Ok(()), std::fs::create_dir_all);
    match made.and_then(|()| socket::bind(&settings.path)) {
        Ok(listener) => socket::run(listener, settings, service, jobs).await,
        Err(error) => {
            tracing::error!(path = %settings.path.display(), %error, "saltcall can not reach this minion");
            std::future::pending().await
        }
    }
}

/// The connector of a configuration: the zeromq package's sockets behind the guard.
pub fn connector(config: &Config) -> Result<ZmqConnector, Diagnostic> {
    std::fs::create_dir_all(&config.sock_dir).map_err(|error| at(&config.sock_dir, &error))?;
    Ok(ZmqConnector::new(ConnectorOptions {
        request: config.request.clone(),
        publish: config.publish.clone(),
        relay_dir: config.sock_dir.join("relay"),
        connect: ConnectOptions::default(),
        request_carrier: Carrier::Package,
        publish_carrier: Carrier::Package,
    }))
}

fn collector(config: &Config) -> known::CollectGrains {
    let (id, master, configured) = (config.id.clone(), config.master.clone(), config.grains.clone());
    let config_dir = config.config_dir.clone();
    Box::new(move || -> Map {
        let (grains, faults) = grains::collect(&GrainSources {
            id: &id,
            master: &master,
            configured: configured.as_ref(),
            config_dir: Some(&config_dir),
        });
        for fault in faults {
            tracing::error!(%fault, "part of the grains could not be read");
        }
        grains
    })
}

fn at(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::config(format!("{}: {error}", path.display()))
}

/// Keeps a second daemon out of this cache directory: two would break each other's journal.
fn lock(cache_dir: &Path) -> Result<CacheLock, Diagnostic> {
    let path = cache_dir.join("minion.lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(|error| at(&path, &error))?;
    let began = Instant::now();
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(CacheLock(file)),
            // A daemon that was killed a moment ago, or a program that it was starting.
            Err(rustix::io::Errno::WOULDBLOCK) if began.elapsed() < LOCK_WAIT => std::thread::sleep(LOCK_PAUSE),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let said = format!("another minion uses the cache directory {}", cache_dir.display());
                return Err(Diagnostic::config(said).help("give each minion of a host its own root_dir or cachedir"));
            }
            Err(error) => return Err(at(&path, &error.into())),
        }
    }
}
