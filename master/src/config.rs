//! The master's settings: what each part gets.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fleet_common::value::Map;

/// Settings of a master and of the commands beside it.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address that both ports listen on (`interface`).
    pub interface: IpAddr,
    /// Port of publications (`publish_port`).
    pub publish_port: u16,
    /// Port of sessions (`ret_port`).
    pub ret_port: u16,
    /// The account the daemon runs as (`user`).
    pub user: String,
    /// Keys (`pki_dir`).
    pub pki_dir: PathBuf,
    /// What can be lost but should not (`cachedir`): the store lies in it.
    pub cachedir: PathBuf,
    /// The API's socket lies in it (`sock_dir`).
    pub sock_dir: PathBuf,
    /// The log file; stderr when not set (`log_file`).
    pub log_file: Option<PathBuf>,
    /// From which level is logged (`log_level`).
    pub log_level: String,
    /// Accept every new key (`auto_accept`).
    pub auto_accept: bool,
    /// Most keys that may wait for an operator.
    pub max_pending_keys: usize,
    /// Directories of state files by environment (`file_roots`).
    pub file_roots: BTreeMap<String, Vec<PathBuf>>,
    /// Directories of pillar files by environment (`pillar_roots`).
    pub pillar_roots: BTreeMap<String, Vec<PathBuf>>,
    /// Whether pillar holds the master's options (`pillar_opts`).
    pub pillar_opts: bool,
    /// Named groups of minions (`nodegroups`).
    pub nodegroups: Map,
    /// Seconds to wait for a connected minion's first sign (`timeout`).
    pub timeout: Duration,
    /// How long jobs are kept (`keep_jobs_seconds`, `keep_jobs` in hours).
    pub keep_jobs: Duration,
    /// Threads of the daemon (`worker_threads`); the number of cores when not set.
    pub worker_threads: Option<usize>,
    /// Everything as written, for `opts` in pillar templates; no secrets are in it.
    pub options: Map,
}

impl Config {
    /// The settings of a master without a configuration file whose paths lie below `root`.
    pub fn with_root(root: &Path) -> Self {
        Self {
            interface: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            publish_port: 4505,
            ret_port: 4506,
            user: "root".to_owned(),
            pki_dir: root.join("etc/salt/pki/master"),
            cachedir: root.join("var/cache/salt/master"),
            sock_dir: root.join("var/run/salt/master"),
            log_file: None,
            log_level: "warning".to_owned(),
            auto_accept: false,
            max_pending_keys: 10_000,
            file_roots: BTreeMap::from([("base".to_owned(), vec![root.join("srv/salt")])]),
            pillar_roots: BTreeMap::from([("base".to_owned(), vec![root.join("srv/pillar")])]),
            pillar_opts: false,
            nodegroups: Map::new(),
            timeout: Duration::from_secs(5),
            keep_jobs: Duration::from_secs(24 * 3600),
            worker_threads: None,
            options: Map::new(),
        }
    }

    /// Where the API listens.
    pub fn api_socket(&self) -> PathBuf {
        self.sock_dir.join("api.sock")
    }

    /// Where publications go out.
    pub fn publish_address(&self) -> SocketAddr {
        SocketAddr::new(self.interface, self.publish_port)
    }

    /// Where sessions come in.
    pub fn request_address(&self) -> SocketAddr {
        SocketAddr::new(self.interface, self.ret_port)
    }
}
