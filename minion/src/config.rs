//! The minion's configuration: Salt's keys, taken into what each part uses.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fleet_common::config::Settings;
use fleet_common::crypto::fingerprint::Fingerprint;
use fleet_common::diag::Diagnostic;
use fleet_common::ids::MinionId;
use fleet_common::join::{BadJoin, Join};
use fleet_common::rules::CallRules;
use fleet_common::secret::Secret;
use fleet_common::transport::Address;
use fleet_common::value::{Map, Value};

use crate::masterless::Masterless;

/// Everything a minion daemon is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its name.
    pub id: MinionId,
    /// Directory of the configuration.
    pub config_dir: PathBuf,
    /// `pki_dir`: its keys and the master's pinned key.
    pub pki_dir: PathBuf,
    /// `cachedir`: journal, cached files, locks.
    pub cache_dir: PathBuf,
    /// `sock_dir`: `minion.sock` and the connector's private sockets.
    pub sock_dir: PathBuf,
    /// The master's request port.
    pub request: Address,
    /// The master's publish port.
    pub publish: Address,
    /// `master_finger`.
    pub master_finger: Option<Fingerprint>,
    /// A one-time token (`enrolment_token`, or part of `join`).
    pub token: Option<Secret<String>>,
    /// `autosign_grains`: names of grains that are told before the key is accepted.
    pub autosign_grains: Vec<String>,
    /// `grains:` of the configuration.
    pub grains: Option<Map>,
    /// The configured master, as the grain shows it.
    pub master: Value,
    /// What functions and templates see as `opts`.
    pub opts: Map,
    /// `process_count_max`: worker processes at once.
    pub workers: usize,
    /// `worker_memory_limit` in bytes; 0 for no limit.
    pub memory_limit: u64,
    /// `recon_default`: bound of the first wait between attempts to connect.
    pub first_wait: Duration,
    /// `recon_max`: bound of the longest wait.
    pub most_wait: Duration,
    /// `minion_acl`: what a master may have this minion run; `None` for everything.
    pub allowed: Option<CallRules>,
    /// Time between two updates of the mine (`mine_interval`, `mine_enabled`); `None` for never.
    pub mine_every: Option<Duration>,
    /// `log_level`.
    pub log_level: String,
    /// `log_file`; stderr when not set.
    pub log_file: Option<PathBuf>,
    /// `log_format: json`.
    pub log_json: bool,
}

/// Workers at once unless told otherwise (`-1` in the reference: as many as jobs come).
const WORKERS: usize = 32;
/// Address space of a worker unless told otherwise.
const MEMORY_LIMIT: u64 = 4 << 30;

impl Config {
    /// Reads `minion` and `minion.d/*.conf` in a directory; warnings come beside it.
    pub fn load(config_dir: &Path) -> Result<(Self, Vec<Diagnostic>), Diagnostic> {
        let mut settings = Settings::load(&config_dir.join("minion"), "minion.d/*.conf")?;
        let config = Self::take(&mut settings, config_dir)?;
        Ok((config, settings.warnings()))
    }

    /// Takes the settings; keys that are not set have the reference's defaults.
    pub fn take(settings: &mut Settings, config_dir: &Path) -> Result<Self, Diagnostic> {
        let base = Masterless::load(settings, config_dir)?;
        let join = join(settings)?;
        let host = match &join {
            Some(join) if settings.get::<Value>("master")?.is_none() => join.host.clone(),
            _ => master(settings)?,
        };
        let (ret_port, publish_port) = join.as_ref().map_or((4506, 4505), |join| (join.ret_port, join.publish_port));
        let request = Address { host: host.clone(), port: settings.or("master_port", ret_port)? };
        let publish = Address { host, port: settings.or("publish_port", publish_port)? };
        let token = settings.get::<String>("enrolment_token")?.or(join.as_ref().and_then(|join| join.token.clone()));
        let millis = |settings: &mut Settings, key, default: u64| -> Result<Duration, Diagnostic> {
            Ok(Duration::from_millis(settings.or(key, default)?))
        };
        let mut opts = base.opts;
        opts.insert("file_client", "remote");
        let workers: i64 = settings.or("process_count_max", -1)?;
        let log_file: Option<String> = settings.get("log_file")?;
        let log_file = match log_file {
            Some(_) => Some(settings.path("log_file", "/var/log/salt/minion")?),
            None => None,
        };
        Ok(Self {
            id: base.id,
            config_dir: base.config_dir,
            pki_dir: settings.path("pki_dir", "/etc/salt/pki/minion")?,
            cache_dir: base.cache_dir,
            sock_dir: settings.path("sock_dir", "/var/run/salt/minion")?,
            request,
            publish,
            master_finger: finger(settings)?.or(join.map(|join| join.finger)),
            token: token.map(Secret::new),
            autosign_grains: settings.or("autosign_grains", Vec::new())?,
            grains: base.grains,
            master: base.master,
            opts,
            workers: usize::try_from(workers).ok().filter(|count| *count > 0).unwrap_or(WORKERS),
            memory_limit: settings.or("worker_memory_limit", MEMORY_LIMIT)?,
            first_wait: millis(settings, "recon_default", 100)?,
            most_wait: millis(settings, "recon_max", 5000)?,
            allowed: allowed(settings)?,
            mine_every: mine_every(settings)?,
            log_level: settings.or("log_level", "warning".to_owned())?,
            log_file,
            log_json: settings.or("log_format", "text".to_owned())? == "json",
        })
    }

    /// The socket through which `saltcall` reaches the daemon.
    pub fn socket(&self) -> PathBuf {
        self.sock_dir.join("minion.sock")
    }
}

/// The master's name or address. One of several is taken: failing over to the others is not built yet.
fn master(settings: &mut Settings) -> Result<String, Diagnostic> {
    match settings.or("master", Value::from("salt"))? {
        Value::Str(host) if !host.trim().is_empty() => Ok(host.trim().trim_matches(['[', ']']).to_owned()),
        Value::List(hosts) if hosts.len() == 1 => match hosts.first().and_then(Value::as_str) {
            Some(host) => Ok(host.to_owned()),
            None => Err(settings.fault("master", "must be a host name or an address", "master: salt.example.org")),
        },
        Value::List(_) => Err(settings.fault("master", "more than one master is not supported yet", "name one master")),
        _ => Err(settings.fault("master", "must be a host name or an address", "master: salt.example.org")),
    }
}

/// Whole minutes, 60 unless told otherwise.
fn mine_every(settings: &mut Settings) -> Result<Option<Duration>, Diagnostic> {
    let minutes: i64 = settings.or("mine_interval", 60)?;
    let Some(seconds) = u64::try_from(minutes).ok().filter(|minutes| (1..=525_600).contains(minutes)) else {
        return Err(settings.fault(
            "mine_interval",
            "must be a number of minutes from 1 to 525600",
            "mine_interval: 60",
        ));
    };
    Ok(settings.or("mine_enabled", true)?.then(|| Duration::from_secs(seconds * 60)))
}

/// The minion's own rules, which hold against its master, too. An empty list allows nothing.
fn allowed(settings: &mut Settings) -> Result<Option<CallRules>, Diagnostic> {
    // Read by every context of a call, which has no place to complain.
    for key in ["disable_modules", "whitelist_modules"] {
        settings.get::<Vec<String>>(key)?;
    }
    let Some(written) = settings.get::<Value>("minion_acl")? else { return Ok(None) };
    let example = "- test.*\n- cmd.run:\n    args: [uptime]";
    CallRules::parse(&written).map(Some).map_err(|why| settings.fault("minion_acl", why, example))
}

/// The string that the master printed.
fn join(settings: &mut Settings) -> Result<Option<Join>, Diagnostic> {
    let Some(text) = settings.get::<String>("join")? else { return Ok(None) };
    text.parse().map(Some).map_err(|why: BadJoin| {
        settings.fault("join", why.to_string(), "copy what 'keyctl --gen-token' prints on the master")
    })
}

fn finger(settings: &mut Settings) -> Result<Option<Fingerprint>, Diagnostic> {
    match settings.get::<String>("master_finger")? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|error| {
            settings.fault("master_finger", format!("{error}"), "copy what 'keyctl -F master' prints on the master")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Config, Diagnostic> {
        Config::take(&mut Settings::from_text(text, "minion").unwrap(), Path::new("/etc/salt"))
    }

    #[test]
    fn salts_keys_are_understood() {
        let config =
            config("id: web1\nmaster: '[::1]'\nmaster_port: 5506\nroot_dir: /tmp/x\nprocess_count_max: 3").unwrap();
        assert_eq!((config.request.to_string(), config.publish.port), ("[::1]:5506".to_owned(), 4505));
        assert_eq!(config.pki_dir, Path::new("/tmp/x/etc/salt/pki/minion"));
        assert_eq!(config.socket(), Path::new("/tmp/x/var/run/salt/minion/minion.sock"));
        assert_eq!((config.workers, config.opts.get("file_client")), (3, Some(&Value::from("remote"))));
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_place() {
        for (text, said) in [
            ("id: a\nmaster: [b, c]", "minion:2"),
            ("id: a\nmaster_finger: 'zz'", "fingerprint"),
            ("id: ../../etc", "minion:1"),
        ] {
            let fault = config(text).unwrap_err().to_string();
            assert!(fault.contains(said), "{fault}");
        }
    }
}
