//! Keys that may log in.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look};
use crate::files::anywhere;
use crate::system::ssh::{AuthKey, KeyFile, SshError, fingerprint, is_key};

/// The largest file of keys.
const LIMIT: u64 = 1 << 20;
/// Where keys are unless a path is given.
const DEFAULT: &str = ".ssh/authorized_keys";

args! {
    /// Arguments of `ssh.auth_keys`.
    pub struct AuthKeys {
        /// The user, or a list of users; all users when not given.
        user: Value = Value::Null,
        /// The file, relative to the user's home.
        config: Option<String> = None,
        /// Digest of the fingerprints.
        fingerprint_hash_type: Option<String> = None,
    }
}

args! {
    /// Arguments of `ssh.check_key`.
    pub struct CheckKey {
        /// The user.
        user: String,
        /// The key.
        key: String,
        /// Its kind.
        enc: String,
        /// Whose it is.
        comment: String,
        /// What it may do.
        options: Vec<String>,
        /// The file, relative to the user's home.
        config: Option<String> = None,
        /// Taken for trees written for the reference.
        cache_keys: Value = Value::Null,
        /// Digest of the fingerprints.
        fingerprint_hash_type: Option<String> = None,
    }
}

args! {
    /// Arguments of `ssh.set_auth_key`.
    pub struct SetKey {
        /// The user.
        user: String,
        /// The key.
        key: String,
        /// Its kind.
        enc: String = "ssh-rsa".to_owned(),
        /// Whose it is.
        comment: String = String::new(),
        /// What it may do.
        options: Vec<String> = Vec::new(),
        /// The file, relative to the user's home.
        config: Option<String> = None,
        /// Taken for trees written for the reference.
        cache_keys: Value = Value::Null,
        /// Digest of the fingerprints.
        fingerprint_hash_type: Option<String> = None,
    }
}

args! {
    /// Arguments of `ssh.rm_auth_key`.
    pub struct RmKey {
        /// The user.
        user: String,
        /// The key.
        key: String,
        /// The file, relative to the user's home.
        config: Option<String> = None,
        /// Digest of the fingerprints.
        fingerprint_hash_type: Option<String> = None,
    }
}

args! {
    /// Arguments of the functions that read keys from a file.
    pub struct FromFile {
        /// The user.
        user: String,
        /// A path, or an address of a file.
        source: String,
        /// The file, relative to the user's home.
        config: Option<String> = None,
        /// Environment of `salt://` addresses.
        saltenv: String = "base".to_owned(),
        /// Digest of the fingerprints.
        fingerprint_hash_type: Option<String> = None,
    }
}

fn failed(error: SshError) -> CallError {
    CallError::Failed(error.to_string())
}

/// The file that is meant.
pub fn config_or_default(config: Option<&str>) -> &str {
    config.unwrap_or(DEFAULT)
}

/// What a key is, compared with those of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is not there.
    Add,
    /// Its kind, options or comment differ.
    Update,
    /// It is there.
    Exists,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Update => "update",
            Self::Exists => "exists",
        }
    }
}

/// Compares a key with those of a file.
pub fn status(known: &[AuthKey], wanted: &AuthKey) -> Status {
    match known.iter().find(|key| key.key == wanted.key) {
        None => Status::Add,
        Some(key) if key == wanted => Status::Exists,
        Some(_) => Status::Update,
    }
}

/// Writes keys into a file: each in the place of its former line, or at the end.
pub fn put(file: &KeyFile, keys: &[AuthKey]) -> Result<(), SshError> {
    let mut lines = file.lines()?;
    for key in keys {
        let at = lines.iter().position(|line| AuthKey::parse(line).is_some_and(|known| known.key == key.key));
        match at {
            Some(at) => lines[at] = key.line(),
            None => lines.push(key.line()),
        }
    }
    file.write(&lines)
}

/// Takes keys out of a file.
pub fn take(file: &KeyFile, keys: &[String]) -> Result<(), SshError> {
    let mut lines = file.lines()?;
    lines.retain(|line| AuthKey::parse(line).is_none_or(|known| !keys.contains(&known.key)));
    file.write(&lines)
}

/// The keys that a file at an address declares.
pub fn declared(look: &Look, source: &str, saltenv: &str) -> Result<Vec<AuthKey>, CallError> {
    let text = anywhere::read(look, source, saltenv, LIMIT).map_err(|why| CallError::Failed(why.to_string()))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let keys: Vec<AuthKey> = text.lines().filter_map(AuthKey::parse).collect();
    if keys.is_empty() {
        return Err(CallError::Failed(format!("{source}: there is no key in this file")));
    }
    Ok(keys)
}

fn rows(user: &str, config: Option<&str>, kind: Option<&str>) -> Result<Map, CallError> {
    let keys = KeyFile::of(user, config_or_default(config)).and_then(|file| file.keys()).map_err(failed)?;
    let mut rows = Map::new();
    for key in keys {
        let print = fingerprint(&key.key, kind.unwrap_or("sha256")).map_err(failed)?;
        let mut row = Map::from_iter([("enc", key.enc), ("comment", key.comment)]);
        row.insert("options", key.options);
        row.insert("fingerprint", print.map_or(Value::Null, Value::from));
        rows.insert(key.key, row);
    }
    Ok(rows)
}

pub(super) fn auth_keys(_look: &Look, arguments: Arguments) -> CallResult {
    let args = AuthKeys::bind("ssh.auth_keys", arguments)?;
    let (config, kind) = (args.config.as_deref(), args.fingerprint_hash_type.as_deref());
    let users: Vec<String> = match &args.user {
        Value::Str(user) => return Ok(rows(user, config, kind)?.into()),
        Value::List(users) => users.iter().filter_map(|user| user.as_str().map(str::to_owned)).collect(),
        Value::Null => {
            let accounts = crate::system::user::Accounts::system().accounts();
            let accounts = accounts.map_err(|fault| CallError::Failed(fault.to_string()))?;
            accounts.into_iter().map(|account| account.name).collect()
        }
        other => return Err(CallError::Invocation(format!("user is a name or a list of names, not {}", other.kind()))),
    };
    let mut all = Map::new();
    for user in users {
        let keys = rows(&user, config, kind)?;
        if !keys.is_empty() {
            all.insert(user, keys);
        }
    }
    Ok(all.into())
}

pub(super) fn check_key(_look: &Look, arguments: Arguments) -> CallResult {
    let args = CheckKey::bind("ssh.check_key", arguments)?;
    let file = KeyFile::of(&args.user, config_or_default(args.config.as_deref())).map_err(failed)?;
    let wanted = AuthKey { options: args.options, enc: args.enc, key: args.key, comment: args.comment };
    Ok(status(&file.keys().map_err(failed)?, &wanted).word().into())
}

pub(super) fn check_key_file(look: &Look, arguments: Arguments) -> CallResult {
    let args = FromFile::bind("ssh.check_key_file", arguments)?;
    let file = KeyFile::of(&args.user, config_or_default(args.config.as_deref())).map_err(failed)?;
    let known = file.keys().map_err(failed)?;
    let keys = declared(look, &args.source, &args.saltenv)?;
    Ok(keys.iter().map(|key| (key.key.as_str(), status(&known, key).word())).collect::<Map>().into())
}

pub(super) fn set_auth_key(_act: &Act, arguments: Arguments) -> CallResult {
    let args = SetKey::bind("ssh.set_auth_key", arguments)?;
    if !is_key(&args.key) {
        return Err(CallError::Failed("Invalid public key".to_owned()));
    }
    let file = KeyFile::of(&args.user, config_or_default(args.config.as_deref())).map_err(failed)?;
    let wanted = AuthKey { options: args.options, enc: args.enc, key: args.key, comment: args.comment };
    let status = status(&file.keys().map_err(failed)?, &wanted);
    if status != Status::Exists {
        put(&file, std::slice::from_ref(&wanted)).map_err(failed)?;
    }
    Ok(match status {
        Status::Add => "new",
        Status::Update => "replace",
        Status::Exists => "no change",
    }
    .into())
}

pub(super) fn set_from_file(act: &Act, arguments: Arguments) -> CallResult {
    let args = FromFile::bind("ssh.set_auth_key_from_file", arguments)?;
    let file = KeyFile::of(&args.user, config_or_default(args.config.as_deref())).map_err(failed)?;
    let (known, keys) = (file.keys().map_err(failed)?, declared(act, &args.source, &args.saltenv)?);
    let states: Vec<Status> = keys.iter().map(|key| status(&known, key)).collect();
    put(&file, &keys).map_err(failed)?;
    Ok(if states.contains(&Status::Update) {
        "replace"
    } else if states.contains(&Status::Add) {
        "new"
    } else {
        "no change"
    }
    .into())
}

fn removed(file: &KeyFile, keys: &[String]) -> CallResult {
    let known = file.keys().map_err(failed)?;
    if !known.iter().any(|key| keys.contains(&key.key)) {
        return Ok("Key not present".into());
    }
    take(file, keys).map_err(failed)?;
    Ok("Key removed".into())
}

pub(super) fn rm_auth_key(_act: &Act, arguments: Arguments) -> CallResult {
    let args = RmKey::bind("ssh.rm_auth_key", arguments)?;
    let file = KeyFile::of(&args.user, config_or_default(args.config.as_deref())).map_err(failed)?;
    removed(&file, &[args.key])
}

pub(super) fn rm_from_file(act: &Act, arguments: Arguments) -> CallResult {
    let args = FromFile::bind("ssh.rm_auth_key_from_file", arguments)?;
    let file = KeyFile::of(&args.user, config_or_default(args.config.as_deref())).map_err(failed)?;
    let keys: Vec<String> = declared(act, &args.source, &args.saltenv)?.into_iter().map(|key| key.key).collect();
    removed(&file, &keys)
}
