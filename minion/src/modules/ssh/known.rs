//! Keys of servers.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look};
use crate::system::ssh::{KeyFile, KnownHost, SshError, fingerprint, host_name};

/// Where a user's and where the machine's known servers are unless a path is given.
const OF_USER: &str = ".ssh/known_hosts";
const OF_MACHINE: &str = "/etc/ssh/ssh_known_hosts";

args! {
    /// A server.
    pub struct Host {
        /// The user; none: the machine's file.
        user: Option<String> = None,
        /// The server.
        hostname: Option<String> = None,
        /// The file, relative to the user's home.
        config: Option<String> = None,
        /// Its port.
        port: Option<i64> = None,
        /// Digest of the fingerprints.
        fingerprint_hash_type: Option<String> = None,
    }
}

args! {
    /// Arguments of `ssh.check_known_host`.
    pub struct Check {
        /// The user; none: the machine's file.
        user: Option<String> = None,
        /// The server.
        hostname: Option<String> = None,
        /// The key.
        key: Option<String> = None,
        /// The fingerprint of the key.
        fingerprint: Option<String> = None,
        /// The file, relative to the user's home.
        config: Option<String> = None,
        /// Its port.
        port: Option<i64> = None,
        /// Digest of the fingerprints.
        fingerprint_hash_type: Option<String> = None,
    }
}

args! {
    /// Arguments of `ssh.recv_known_host_entries`.
    pub struct Receive {
        /// The server.
        hostname: String,
        /// Only keys of this kind.
        enc: Option<String> = None,
        /// Its port.
        port: Option<i64> = None,
        /// Hash the name.
        hash_known_hosts: bool = true,
        /// Seconds to wait.
        timeout: i64 = 5,
        /// Digest of the fingerprints.
        fingerprint_hash_type: Option<String> = None,
    }
}

args! {
    /// Arguments of `ssh.set_known_host`.
    pub struct Set {
        /// The user; none: the machine's file.
        user: Option<String> = None,
        /// The server.
        hostname: Option<String> = None,
        /// The fingerprint that one of its keys must have.
        fingerprint: Option<String> = None,
        /// The key itself: nobody is asked.
        key: Option<String> = None,
        /// Its port.
        port: Option<i64> = None,
        /// Kind of the key.
        enc: Option<String> = None,
        /// The file, relative to the user's home.
        config: Option<String> = None,
        /// Hash the name.
        hash_known_hosts: bool = true,
        /// Seconds to wait.
        timeout: i64 = 5,
        /// Digest of the fingerprints.
        fingerprint_hash_type: Option<String> = None,
    }
}

args! {
    /// Arguments of `ssh.hash_known_hosts`.
    pub struct Hash {
        /// The user; none: the machine's file.
        user: Option<String> = None,
        /// The file, relative to the user's home.
        config: Option<String> = None,
    }
}

fn failed(error: SshError) -> CallError {
    CallError::Failed(error.to_string())
}

fn file(user: Option<&str>, config: Option<&str>) -> Result<KeyFile, CallError> {
    match user {
        Some(user) => KeyFile::of(user, config.unwrap_or(OF_USER)).map_err(failed),
        None => Ok(KeyFile::of_machine(config.unwrap_or(OF_MACHINE))),
    }
}

fn named(hostname: Option<&String>) -> Result<&str, CallError> {
    match hostname.map(String::as_str) {
        Some(name) if !name.is_empty() && !name.starts_with('-') => Ok(name),
        _ => Err(CallError::Invocation("hostname argument required".to_owned())),
    }
}

/// A server's key as it is shown.
fn row(host: &KnownHost, kind: &str) -> Result<Value, CallError> {
    let mut row = Map::from_iter([("hostname", &host.hostname), ("key", &host.key), ("enc", &host.enc)]);
    row.insert("fingerprint", fingerprint(&host.key, kind).map_err(failed)?.map_or(Value::Null, Value::from));
    Ok(row.into())
}

fn rows(hosts: &[KnownHost], kind: Option<&str>) -> Result<Value, CallError> {
    if hosts.is_empty() {
        return Ok(Value::Null);
    }
    Ok(hosts.iter().map(|host| row(host, kind.unwrap_or("sha256"))).collect::<Result<Vec<_>, _>>()?.into())
}

pub(super) fn get(_look: &Look, arguments: Arguments) -> CallResult {
    let args = Host::bind("ssh.get_known_host_entries", arguments)?;
    let host = named(args.hostname.as_ref())?;
    let known = file(args.user.as_deref(), args.config.as_deref())?.known(host, args.port).map_err(failed)?;
    Ok(rows(&known, args.fingerprint_hash_type.as_deref())?.into())
}

pub(super) fn receive(_look: &Look, arguments: Arguments) -> CallResult {
    let args = Receive::bind("ssh.recv_known_host_entries", arguments)?;
    let host = named(Some(&args.hostname))?;
    let hosts = KnownHost::scan(host, args.port, args.enc.as_deref(), args.hash_known_hosts, args.timeout);
    Ok(rows(&hosts.map_err(failed)?, args.fingerprint_hash_type.as_deref())?.into())
}

/// What a file knows of a server, as it is shown; nothing when it does not know it.
pub fn known(host: &str, user: Option<&str>, config: Option<&str>) -> Result<Value, CallError> {
    rows(&file(user, config)?.known(host, None).map_err(failed)?, None)
}

/// Forgets a server; what the tool says.
pub fn forget(host: &str, user: Option<&str>, config: Option<&str>) -> Result<String, CallError> {
    file(user, config)?.forget(host, None).map_err(failed)
}

fn fits(host: &KnownHost, key: Option<&str>, print: Option<&str>, kind: &str) -> Result<bool, CallError> {
    if let Some(key) = key {
        return Ok(host.key == key);
    }
    let Some(print) = print else { return Ok(true) };
    let own = fingerprint(&host.key, kind).map_err(failed)?;
    // As ssh-keygen prints it, too.
    let plain = |text: &str| text.to_lowercase().trim_start_matches("md5:").to_owned();
    Ok(own.is_some_and(|own| plain(&own) == plain(print)))
}

/// `add`, `update` or `exists`.
fn checked(known: &[KnownHost], key: Option<&str>, print: Option<&str>, kind: &str) -> Result<&'static str, CallError> {
    if known.is_empty() {
        return Ok("add");
    }
    for host in known {
        if fits(host, key, print, kind)? {
            return Ok("exists");
        }
    }
    Ok("update")
}

pub(super) fn check(_look: &Look, arguments: Arguments) -> CallResult {
    let args = Check::bind("ssh.check_known_host", arguments)?;
    let host = named(args.hostname.as_ref())?;
    if args.key.is_none() && args.fingerprint.is_none() {
        return Err(CallError::Invocation("either key or fingerprint is needed".to_owned()));
    }
    let known = file(args.user.as_deref(), args.config.as_deref())?.known(host, args.port).map_err(failed)?;
    let kind = args.fingerprint_hash_type.as_deref().unwrap_or("sha256");
    Ok(checked(&known, args.key.as_deref(), args.fingerprint.as_deref(), kind)?.into())
}

/// What a file is to know of a server.
pub struct Wanted {
    /// The file.
    pub file: KeyFile,
    /// `add`, `update` or `exists`.
    pub status: &'static str,
    /// What it knows now, as it is shown.
    pub old: Value,
    /// What it is to know, as it is shown.
    pub new: Value,
    hosts: Vec<KnownHost>,
    host: String,
    port: Option<i64>,
}

/// Finds what a file is to know of a server; asks the server unless its key is given.
pub fn wanted(args: &Set) -> Result<Wanted, CallError> {
    let host = named(args.hostname.as_ref())?.to_owned();
    let kind = args.fingerprint_hash_type.as_deref().unwrap_or("sha256");
    if args.key.is_some() && args.fingerprint.is_some() {
        return Err(CallError::Invocation(
            "argument key can not be used in conjunction with argument fingerprint".to_owned(),
        ));
    }
    if args.key.is_some() && args.enc.is_none() {
        return Err(CallError::Invocation("argument key needs argument enc".to_owned()));
    }
    let file = file(args.user.as_deref(), args.config.as_deref())?;
    let known = file.known(&host, args.port).map_err(failed)?;
    let status = checked(&known, args.key.as_deref(), args.fingerprint.as_deref(), kind)?;
    let old = rows(&known, Some(kind))?;
    let hosts = match (&args.key, &args.enc) {
        _ if status == "exists" => Vec::new(),
        (Some(key), Some(enc)) => {
            vec![KnownHost { hostname: host_name(&host, args.port), enc: enc.clone(), key: key.clone() }]
        }
        _ => {
            let found = KnownHost::scan(&host, args.port, args.enc.as_deref(), args.hash_known_hosts, args.timeout);
            let found = found.map_err(failed)?;
            if found.is_empty() {
                let port = args.port.unwrap_or(22);
                return Err(CallError::Failed(format!(
                    "Unable to receive remote host keys: nothing at {host}, port {port}, answers with one{}",
                    args.enc.as_ref().map(|enc| format!(" of kind {enc}")).unwrap_or_default()
                )));
            }
            let print = args.fingerprint.as_deref();
            let fitting = found.iter().map(|host| fits(host, None, print, kind)).collect::<Result<Vec<_>, _>>()?;
            if !fitting.contains(&true) {
                return Err(CallError::Failed(
                    "Remote host public keys found but none of their fingerprints match the one you have provided"
                        .to_owned(),
                ));
            }
            found
        }
    };
    let new = if args.key.is_some() {
        let row = |host: &KnownHost| {
            Value::from(Map::from_iter([("hostname", &host.hostname), ("enc", &host.enc), ("key", &host.key)]))
        };
        hosts.iter().map(row).collect::<Vec<_>>().into()
    } else {
        rows(&hosts, Some(kind))?
    };
    Ok(Wanted { file, status, old, new, hosts, host, port: args.port })
}

impl Wanted {
    /// Writes it.
    pub fn write(&self) -> Result<(), CallError> {
        if self.status == "update" {
            self.file.forget(&self.host, self.port).map_err(failed)?;
        }
        let mut lines = self.file.lines().map_err(failed)?;
        lines.extend(self.hosts.iter().map(KnownHost::line));
        self.file.write(&lines).map_err(failed)
    }
}

fn said(status: &str, comment: String) -> Map {
    Map::from_iter([("status", status.to_owned()), ("comment", comment)])
}

pub(super) fn set_host(_act: &Act, arguments: Arguments) -> CallResult {
    let args = Set::bind("ssh.set_known_host", arguments)?;
    let wanted = match wanted(&args) {
        Ok(wanted) => wanted,
        Err(CallError::Failed(why)) => {
            return Ok(Map::from_iter([("status", "error".to_owned()), ("error", why)]).into());
        }
        Err(other) => return Err(other),
    };
    if wanted.status == "exists" {
        return Ok(Map::from_iter([("status", Value::from("exists")), ("key", wanted.old)]).into());
    }
    wanted.write()?;
    Ok(Map::from_iter([("status", Value::from("updated")), ("old", wanted.old), ("new", wanted.new)]).into())
}

pub(super) fn remove(_act: &Act, arguments: Arguments) -> CallResult {
    let args = Host::bind("ssh.rm_known_host", arguments)?;
    let host = named(args.hostname.as_ref())?;
    let file = file(args.user.as_deref(), args.config.as_deref())?;
    if !file.path.exists() {
        let error = format!("Known hosts file {} does not exist", file.path.display());
        return Ok(Map::from_iter([("status", "error".to_owned()), ("error", error)]).into());
    }
    Ok(said("removed", file.forget(host, args.port).map_err(failed)?).into())
}

pub(super) fn hash(_act: &Act, arguments: Arguments) -> CallResult {
    let args = Hash::bind("ssh.hash_known_hosts", arguments)?;
    let file = file(args.user.as_deref(), args.config.as_deref())?;
    if !file.path.exists() {
        let error = format!("Known hosts file {} does not exist", file.path.display());
        return Ok(Map::from_iter([("status", "error".to_owned()), ("error", error)]).into());
    }
    Ok(said("updated", file.hash_names().map_err(failed)?).into())
}
