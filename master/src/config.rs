//! The master's settings: what each part gets.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fleet_common::config::Settings;
use fleet_common::diag::Diagnostic;
use fleet_common::files::Served;
use fleet_common::value::{Map, Value};

use crate::acl::Access;
use crate::keys::Autosign;

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
    /// Log one JSON object a line (`log_json`).
    pub log_json: bool,
    /// Accept every new key (`auto_accept`).
    pub auto_accept: bool,
    /// Files that accept or reject new keys (`autosign_file`, `autoreject_file`, `autosign_grains_dir`).
    pub autosign: Autosign,
    /// Most keys that may wait for an operator.
    pub max_pending_keys: usize,
    /// Directories of state files by environment (`file_roots`).
    pub file_roots: BTreeMap<String, Vec<PathBuf>>,
    /// What of them is served (`fileserver_followsymlinks`, `file_ignore_glob`, …).
    pub served: Served,
    /// Directories of pillar files by environment (`pillar_roots`).
    pub pillar_roots: BTreeMap<String, Vec<PathBuf>>,
    /// Whether pillar holds the master's options (`pillar_opts`).
    pub pillar_opts: bool,
    /// Keys of pillar by which minions may target in the mine (`mine_pillar_targets`).
    pub mine_pillar_targets: Vec<String>,
    /// Named groups of minions (`nodegroups`).
    pub nodegroups: Map,
    /// Seconds to wait for a connected minion's first sign (`timeout`).
    pub timeout: Duration,
    /// How long jobs are kept (`keep_jobs_seconds`, `keep_jobs` in hours).
    pub keep_jobs: Duration,
    /// Most bytes of jobs and returns on disk (`keep_jobs_bytes`).
    pub keep_jobs_bytes: u64,
    /// Threads of the daemon (`worker_threads`); the number of cores when not set.
    pub worker_threads: Option<usize>,
    /// The file that says which states a minion gets (`state_top`).
    pub state_top: String,
    /// The outputter when none is asked for (`output`).
    pub output: Option<String>,
    /// Who may do what on the API (`publisher_acl`), and the record of it (`audit_log`).
    pub access: Access,
    /// Everything as written, for `opts` in pillar templates; no secrets are in it.
    pub options: Map,
}

impl Config {
    /// Reads `DIR/master` and `DIR/master.d/*.conf`. Gives warnings beside: keys that are unknown or have no effect.
    pub fn load(dir: &Path) -> Result<(Self, Vec<Diagnostic>), Diagnostic> {
        Self::resolve(Settings::load(&dir.join("master"), "master.d/*.conf")?)
    }

    /// The settings of a master whose configuration is this text.
    pub fn from_text(text: &str, name: &str) -> Result<(Self, Vec<Diagnostic>), Diagnostic> {
        Self::resolve(Settings::from_text(text, name)?)
    }

    fn resolve(mut settings: Settings) -> Result<(Self, Vec<Diagnostic>), Diagnostic> {
        let s = &mut settings;
        let interface: String = s.or("interface", "0.0.0.0".to_owned())?;
        let interface = interface.trim_matches(['[', ']']).parse().map_err(|_| {
            s.fault("interface", format!("'{interface}' is not an IP address"), "for all addresses: 0.0.0.0 or '::'")
        })?;
        let hours: Option<Duration> = s.get("keep_jobs")?;
        let seconds: Option<Duration> = s.get("keep_jobs_seconds")?;
        let keep_jobs = seconds.or(hours.map(|hours| hours * 3600)).unwrap_or(Duration::from_secs(24 * 3600));
        let nodegroups = s.or("nodegroups", Map::new())?;
        let (access, mut warnings) = Access::take(s, &nodegroups)?;
        let config = Self {
            interface,
            publish_port: s.or("publish_port", 4505)?,
            ret_port: s.or("ret_port", 4506)?,
            user: s.or("user", "root".to_owned())?,
            pki_dir: s.path("pki_dir", "/etc/salt/pki/master")?,
            cachedir: s.path("cachedir", "/var/cache/salt/master")?,
            sock_dir: s.path("sock_dir", "/var/run/salt/master")?,
            log_file: log_file(s)?,
            log_level: s.or("log_level", "warning".to_owned())?,
            log_json: s.or("log_json", false)?,
            auto_accept: s.or("auto_accept", false)?,
            autosign: Autosign {
                accept: s.get::<String>("autosign_file")?.map(PathBuf::from),
                reject: s.get::<String>("autoreject_file")?.map(PathBuf::from),
                grains: s.get::<String>("autosign_grains_dir")?.map(PathBuf::from),
            },
            max_pending_keys: s.or("max_pending_keys", 10_000)?,
            file_roots: roots(s, "file_roots", "/srv/salt")?,
            served: Served::take(s)?,
            pillar_roots: roots(s, "pillar_roots", "/srv/pillar")?,
            pillar_opts: s.or("pillar_opts", false)?,
            mine_pillar_targets: s.or("mine_pillar_targets", Vec::new())?,
            nodegroups,
            timeout: s.or("timeout", Duration::from_secs(5))?,
            keep_jobs,
            keep_jobs_bytes: s.or("keep_jobs_bytes", 4 << 30)?,
            worker_threads: s.get("worker_threads")?,
            state_top: s.or("state_top", "top.sls".to_owned())?,
            output: s.get("output")?,
            access,
            options: Map::new(),
        };
        for (key, roots) in [("file_roots", &config.file_roots), ("pillar_roots", &config.pillar_roots)] {
            if let Some(root) = roots.values().flatten().find(|root| lies_in(root, &config.pki_dir)) {
                let said = format!("{} is (in) the directory of the master's keys", root.display());
                return Err(s.fault(key, said, "every minion could read the master's keys: name another directory"));
            }
        }
        let kept = [&config.pki_dir, &config.cachedir, &config.sock_dir].map(PathBuf::clone).to_vec();
        let config = Self { served: config.served.clone().keeping(kept), ..config };
        warnings.extend(settings.warnings());
        Ok((Self { options: settings.raw().clone(), ..config }, warnings))
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

/// True for a directory below another, links followed where both are there.
fn lies_in(inner: &Path, outer: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path);
    inner.starts_with(outer) || real(inner).is_ok_and(|inner| real(outer).is_ok_and(|outer| inner.starts_with(outer)))
}

/// The log file, when one was configured: without, the daemon logs to stderr, as its service manager expects.
fn log_file(settings: &mut Settings) -> Result<Option<PathBuf>, Diagnostic> {
    match settings.get::<String>("log_file")? {
        None => Ok(None),
        Some(_) => settings.path("log_file", "/var/log/salt/master").map(Some),
    }
}

/// A mapping of environments to a directory or a list of them.
fn roots(
    settings: &mut Settings,
    key: &'static str,
    default: &str,
) -> Result<BTreeMap<String, Vec<PathBuf>>, Diagnostic> {
    let Some(written) = settings.get::<Map>(key)? else {
        let root: String = settings.or("root_dir", "/".to_owned())?;
        let path = Path::new(&root).join(default.trim_start_matches('/'));
        return Ok(BTreeMap::from([("base".to_owned(), vec![path])]));
    };
    let mut roots = BTreeMap::new();
    for (environment, directories) in &written {
        let directories = match directories {
            Value::Str(_) => std::slice::from_ref(directories),
            Value::List(items) => items,
            _ => return Err(settings.fault(key, "a list of directories is expected", "base:\n  - /srv/salt")),
        };
        let Some(environment) = environment.as_str() else {
            return Err(settings.fault(key, "the name of an environment is a text", ""));
        };
        let paths = directories.iter().map(|path| path.as_str().map(PathBuf::from)).collect::<Option<Vec<_>>>();
        let Some(paths) = paths else {
            return Err(settings.fault(key, "a directory is a text", ""));
        };
        roots.insert(environment.to_owned(), paths);
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_dir_moves_every_default_path() {
        let (config, warnings) = Config::from_text("root_dir: /x\nauto_accept: yes\nkeep_jobs: 2\n", "master").unwrap();
        assert_eq!(config.api_socket(), Path::new("/x/var/run/salt/master/api.sock"));
        assert_eq!(config.pki_dir, Path::new("/x/etc/salt/pki/master"));
        assert_eq!(config.file_roots["base"], [Path::new("/x/srv/salt")]);
        assert!(config.auto_accept && warnings.is_empty());
        assert_eq!(config.keep_jobs, Duration::from_secs(7200));
    }

    #[test]
    fn ways_in_that_there_are_not_are_refused_by_name() {
        for key in [
            "external_auth:\n  pam:\n    larry: [test.*]",
            "open_mode: True",
            "peer:\n  '.*': ['.*']",
            "file_recv: True",
        ] {
            let fault = Config::from_text(key, "/etc/salt/master").unwrap_err().to_string();
            let name = key.split(':').next().unwrap();
            assert!(
                fault.starts_with("/etc/salt/master:1") && fault.contains(&format!("'{name}' is not supported")),
                "{fault}"
            );
        }
        assert!(Config::from_text("open_mode: False\nexternal_auth: {}\n", "m").is_ok());
        let fault = Config::from_text("a: 1\npublisher_acl:\n  larry: ['@all']\n", "m").unwrap_err().to_string();
        assert!(fault.contains("m:2") && fault.contains("larry"), "{fault}");
    }

    #[test]
    fn trees_in_the_directory_of_keys_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (keys, link) = (dir.path().join("pki"), dir.path().join("link"));
        std::fs::create_dir(&keys).unwrap();
        std::os::unix::fs::symlink(&keys, &link).unwrap();
        for key in ["file_roots", "pillar_roots"] {
            for root in [&keys, &keys.join("minions"), &link] {
                let text = format!("pki_dir: {}\n{key}: {{base: [{}]}}\n", keys.display(), root.display());
                let fault = Config::from_text(&text, "m").unwrap_err().to_string();
                assert!(fault.starts_with("m:2") && fault.contains("keys"), "{fault}");
            }
        }
        // A tree around it is served without it.
        let text = format!("pki_dir: {}\nfile_roots: {{base: [{}]}}\n", keys.display(), dir.path().display());
        assert!(Config::from_text(&text, "m").is_ok());
    }

    #[test]
    fn repositories_and_outside_pillar_have_no_effect_and_are_named() {
        for key in ["gitfs_remotes: ['https://h/r.git']", "fileserver_backend: [gitfs]", "ext_pillar: [{cmd_yaml: id}]"]
        {
            let (_, warnings) = Config::from_text(key, "m").unwrap();
            let (told, name) = (warnings[0].to_string(), key.split(':').next().unwrap());
            assert!(told.contains(name) && told.contains("no effect here"), "{told}");
        }
    }

    #[test]
    fn faults_name_their_place() {
        let fault = Config::from_text("a: 1\ninterface: nowhere\n", "/etc/salt/master").unwrap_err().to_string();
        assert!(fault.starts_with("/etc/salt/master:2"), "{fault}");
        let (_, warnings) = Config::from_text("intreface: 1\n", "m").unwrap();
        assert!(warnings[0].to_string().contains("did you mean 'interface'?"));
    }
}
