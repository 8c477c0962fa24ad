//! One minion of the swarm.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fleet_common::crypto::keys::Identity;
use fleet_common::crypto::trust::Trust;
use fleet_common::ids::MinionId;
use fleet_common::render::{Limits, Renderer};
use fleet_common::transport::Connector;
use fleet_common::value::Map;
use fleet_minion::cx::Functions;
use fleet_minion::files::cache::FileCache;
use fleet_minion::job::{self, Jobs};
use fleet_minion::journal::{self, Journal};
use fleet_minion::known::Known;
use fleet_minion::own_key::OwnKey;
use fleet_minion::service::Service;
use fleet_minion::stay::Stays;
use fleet_minion::worker::Pool;
use fleet_minion::worker::host::Program;
use fleet_minion::{connect, report, uplink};

/// What all members of a process share.
pub(super) struct Shared {
    /// Journals and pinned keys.
    pub(super) dir: PathBuf,
    pub(super) connector: Arc<dyn Connector>,
    pub(super) functions: Arc<Functions>,
    pub(super) renderer: Arc<Renderer>,
    pub(super) pool: Pool,
    /// Time between beats.
    pub(super) beat: Duration,
}

impl Shared {
    pub(super) fn new(dir: PathBuf, connector: Arc<dyn Connector>, beat: Duration) -> std::io::Result<Self> {
        Ok(Self {
            dir,
            connector,
            functions: fleet_minion::registry::functions(),
            renderer: Arc::new(Renderer::new(Limits::default())),
            pool: Pool::shared(1, 100_000)?,
            beat,
        })
    }
}

/// A member that lives as long as the future is polled; its journal stays.
pub(super) fn live(
    shared: &Shared,
    id: &MinionId,
    identity: Arc<Identity>,
) -> Result<impl Future<Output = ()> + Send + use<>, String> {
    let path = shared.dir.join(format!("{id}.journal"));
    let (journal, _) = Journal::open(&path, id, journal::Limits::default()).map_err(|error| error.to_string())?;
    let journal = Arc::new(journal);
    let (name, grains) = (id.clone(), grains_of(id));
    let known = Arc::new(Known::new(name, Map::new(), Box::new(move || grains.clone())));
    let (slot, uplink) = uplink::uplink();
    let (reporter, queue) = report::reporter();
    let service = Arc::new(Service {
        known: known.clone(),
        uplink: uplink.clone(),
        files: FileCache::new(&shared.dir),
        running: Arc::default(),
    });
    let settings = job::Settings {
        workers: 1,
        memory_limit: 0,
        program: Program::own(),
        cache_dir: shared.dir.clone(),
        config_dir: None,
        socket: shared.dir.join(format!("{id}.sock")),
        allowed: None,
    };
    let around = job::Surroundings {
        functions: shared.functions.clone(),
        renderer: shared.renderer.clone(),
        service: service.clone(),
        journal: journal.clone(),
        reporter,
        pool: shared.pool.clone(),
        // Members live as long as the swarm: nobody leaves a job to a next one.
        stays: Arc::new(Stays::read(&shared.dir)),
    };
    let jobs = Arc::new(Jobs::new(settings, around));
    let settings = connect::Settings {
        own: Arc::new(OwnKey::in_memory(identity)),
        enrolment: (None, Vec::new()),
        // One file for all: whoever is first pins the root, as one minion's restarts would.
        trust: Trust::new(shared.dir.join("master.pub"), None),
        first_wait: Duration::from_millis(100),
        most_wait: Duration::from_secs(10),
        beat: shared.beat,
    };
    let surroundings = connect::Surroundings {
        connector: shared.connector.clone(),
        known,
        jobs: jobs.clone(),
        journal: journal.clone(),
        running: service.running.clone(),
        slot,
    };
    Ok(async move {
        tokio::select! {
            () = connect::run(settings, surroundings) => {}
            () = report::run(queue, journal, uplink) => {}
        }
        jobs.stop().await;
    })
}

/// The name of a member.
pub(super) fn name(number: usize) -> MinionId {
    format!("m{number:05}").parse().expect("letters and digits are an id")
}

/// What a machine would tell, in little.
fn grains_of(id: &MinionId) -> Map {
    let mut grains = Map::new();
    for (key, value) in [("os", "Debian"), ("os_family", "Debian"), ("kernel", "Linux"), ("cpuarch", "x86_64")] {
        grains.insert(key, value);
    }
    grains.insert("id", id.as_str());
    grains
}
