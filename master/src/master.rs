//! The whole daemon: the only file that knows all parts. It gives each what it uses.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fleet_common::channel::Turns;
use fleet_common::channel::publish::Sealer;
use fleet_common::crypto::keys::{MasterKeys, PublicKey};
use fleet_common::diag::Diagnostic;
use fleet_common::files::Roots;
use fleet_common::proto::job::Publication;
use fleet_common::transport::{
    Listener, ListenerOptions, Meter, Publisher, TransportError, bind_publisher, bind_request,
};
use fleet_common::value::Map;
use rustix::process::{Resource, getrlimit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::acl::Audit;
use crate::api::{self, Api, ApiSocket, Shares, SocketError};
use crate::clock::Clock;
use crate::config::Config;
use crate::fileserver::FileServer;
use crate::health::{Drops, Health};
use crate::jobs::Jobs;
use crate::keys::{Directory, KeyError, KeyPolicy, Keys};
use crate::mine::Mine;
use crate::minions::{JidMaker, Minions};
use crate::peers::Peers;
use crate::pillar::{Pillars, visible};
use crate::publish::{Desk, Stream};
use crate::renewal::Renewal;
use crate::resolve::Resolver;
use crate::returns::Returns;
use crate::server::{self, Parts};
use crate::store::{Store, StoreError, StoreOptions};

/// How often the master gives a sign of life on the publication stream.
const BEAT: Duration = Duration::from_secs(10);

/// Files that no connection of a minion takes.
const FILES_KEPT: u64 = 160;

/// Why the master can't start.
#[derive(Debug, thiserror::Error)]
pub enum MasterError {
    /// Its keys can't be used.
    #[error("{0}")]
    OwnKeys(Box<Diagnostic>),
    /// The minions' keys can't be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The store can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A port can't be used.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The API's socket can't be used.
    #[error(transparent)]
    Api(#[from] SocketError),
}

/// Where minions reach the master: sockets, or memory in tests.
pub struct Endpoints {
    /// Sessions come in here.
    pub listener: Box<dyn Listener>,
    /// Publications go out here.
    pub publisher: Arc<dyn Publisher>,
    /// What they count, with their names.
    pub meters: Vec<(&'static str, Meter)>,
}

/// A master that is bound and ready to run.
pub struct Master {
    parts: Arc<Parts>,
    api: Arc<Api>,
    socket: ApiSocket,
    listener: Box<dyn Listener>,
    addresses: Option<(SocketAddr, SocketAddr)>,
}

impl Master {
    /// Opens keys and store and binds all sockets; ports of 0 pick free ones.
    pub async fn bind(config: &Config) -> Result<Self, MasterError> {
        let listener = bind_request(config.request_address(), limits()).await?;
        let publisher = bind_publisher(config.publish_address(), limits()).await?;
        let addresses = (publisher.local_addr(), listener.local_addr());
        let meters = vec![("requests", listener.meter()), ("publications", publisher.meter())];
        let endpoints = Endpoints { meters, listener: Box::new(listener), publisher };
        Ok(Self { addresses: Some(addresses), ..Self::with(config, endpoints).await? })
    }

    /// As [`Master::bind`], over endpoints that are there already.
    pub async fn with(config: &Config, endpoints: Endpoints) -> Result<Self, MasterError> {
        // The socket first: it tells whether another master runs.
        let drops = Arc::new(Drops::default());
        let socket = ApiSocket::bind(&config.api_socket(), drops.clone())?;
        let clock = Clock::resume(&config.cachedir.join("clock"));
        let own = MasterKeys::load_or_create(&config.pki_dir, clock.wall());
        let own = own.map_err(|fault| MasterError::OwnKeys(Box::new(fault)))?;
        let own = Arc::new(own);
        let policy = KeyPolicy {
            auto_accept: config.auto_accept,
            most_pending: config.max_pending_keys,
            autosign: config.autosign.clone(),
        };
        let keys = Arc::new(Keys::open(Directory::new(&config.pki_dir), policy)?);
        let store = Store::open(StoreOptions {
            keep: config.keep_jobs,
            keep_bytes: config.keep_jobs_bytes,
            ..StoreOptions::new(config.cachedir.join("store"), Arc::new(move || clock.wall()))
        })?;
        let jids = JidMaker::after(store.newest_jid().await?.as_ref());
        let jobs = Arc::new(Jobs::load(&store).await?);
        let minions = Arc::new(Minions::load(store.clone()).await?);
        let stream = Arc::new(Stream::new(Sealer::new(&own, stream_of(&own.root())), endpoints.publisher));
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let roots = Arc::new(Roots::new(config.pillar_roots.clone()).serving(config.served.clone()));
        let peers = Arc::new(Peers::new(config.access.peers.clone()));
        let pillars = Pillars::new(roots, visible(&config.options), config.pillar_opts, threads);
        let pillars = Arc::new(pillars.asking(peers.clone()));
        let tree = Roots::new(config.file_roots.clone()).serving(config.served.clone());
        let files = Arc::new(FileServer::new(Arc::new(tree)));
        let renewal = Arc::new(Renewal::new(own.clone(), minions.clone(), stream.clone(), clock));
        let turns = Turns::new();
        let resolver = Arc::new(Resolver {
            keys: keys.clone(),
            minions: minions.clone(),
            pillars: pillars.clone(),
            store: store.clone(),
            nodegroups: config.nodegroups.clone(),
        });
        let pillar_keys = config.mine_pillar_targets.clone();
        let mine = Arc::new(Mine { store: store.clone(), resolver: resolver.clone(), pillar_keys });
        let parts = Arc::new(Parts {
            master_keys: own,
            turns: turns.clone(),
            renewal: renewal.clone(),
            keys: keys.clone(),
            minions: minions.clone(),
            jobs: jobs.clone(),
            returns: Returns { store: store.clone(), jobs: jobs.clone(), drops: drops.clone() },
            stream: stream.clone(),
            pillars,
            files: files.clone(),
            mine: mine.clone(),
            peers: peers.clone(),
            options: seen_by_minions(config),
            drops: drops.clone(),
            clock,
        });
        let acl = Arc::new(config.access.acl.clone());
        let audit = Arc::new(Audit::new(config.access.audit_log.clone(), drops.clone()));
        let desk = Desk {
            store: store.clone(),
            jobs,
            minions: minions.clone(),
            resolver,
            stream,
            jids,
            acl: acl.clone(),
            audit: audit.clone(),
            timeout: config.timeout,
            clock,
        };
        let health = Health { drops, turns, endpoints: endpoints.meters };
        let options = visible(&config.options);
        let shares = Shares::default();
        let api =
            Arc::new(Api { desk, acl, audit, keys, renewal, minions, mine, store, files, shares, health, options });
        peers.connect(&api);
        Ok(Self { parts, api, socket, listener: endpoints.listener, addresses: None })
    }

    /// Addresses of publications and of sessions, when they are sockets.
    pub fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.addresses
    }

    /// The key that minions pin.
    pub fn root(&self) -> PublicKey {
        self.parts.master_keys.root()
    }

    /// Serves until `shutdown`; what was acknowledged is on disk when this returns.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(stopping(stop.clone(), self.parts.keys.clone().look()));
        tasks.spawn(stopping(stop.clone(), beat(self.parts.clone())));
        tasks.spawn(server::cut_removed(self.parts.clone(), stop.clone()));
        tasks.spawn(server::serve(self.parts, self.listener, stop.clone()));
        tasks.spawn(api::serve(self.api, self.socket, stop.clone()));
        tasks.close();
        shutdown.await;
        stop.cancel();
        tasks.wait().await;
    }
}

/// The limits of each port.
fn limits() -> ListenerOptions {
    let (usual, files) = (ListenerOptions::default(), getrlimit(Resource::Nofile).current);
    ListenerOptions { max_connections: usual.max_connections.min(connections(files.unwrap_or(u64::MAX))), ..usual }
}

/// Connections of each port when this process may open so many files. However many peers come, some files are left for
/// the store, the keys, the trees and the operators.
fn connections(files: u64) -> usize {
    let kept = (files / 4).min(FILES_KEPT);
    usize::try_from((files - kept) / 2).unwrap_or(usize::MAX)
}

async fn stopping(stop: CancellationToken, work: impl Future<Output = ()>) {
    stop.run_until_cancelled(work).await;
}

/// Signs of life, and what must be done now and then.
async fn beat(parts: Arc<Parts>) {
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = parts.clock.steady();
        if let Err(error) = parts.stream.publish(&Publication::Beat { now }) {
            tracing::error!(%error, "a beat was not published");
        }
        if let Err(error) = parts.jobs.settle(&parts.minions, now, parts.clock.wall()).await {
            tracing::error!(%error, "targets whose time is over could not be settled");
        }
    }
}

/// What `Options` answers: how the master's trees are laid out, nothing secret.
fn seen_by_minions(config: &Config) -> Map {
    let environments: Vec<&String> = config.file_roots.keys().collect();
    let mut options = Map::new();
    options.insert("file_roots", environments.into_iter().map(String::as_str).collect::<fleet_common::value::Value>());
    options.insert("nodegroups", config.nodegroups.clone());
    options.insert("state_top", config.state_top.as_str());
    for key in
        ["state_top_saltenv", "top_file_merging_strategy", "env_order", "default_top", "jinja_env", "jinja_sls_env"]
    {
        if let Some(value) = config.options.get(key) {
            options.insert(key, value);
        }
    }
    options
}

/// The stream's number: the same at every start, another for every master.
fn stream_of(root: &PublicKey) -> u64 {
    u64::from_be_bytes(*root.0.first_chunk().expect("a key has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_to_everything_else() {
        assert_eq!(connections(64), 24);
        assert_eq!(connections(1024), 432);
        assert_eq!(connections(20_000), 9_920);
    }
}
