//! Functions of `shadow`: passwords and how long they hold.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::crypto::password;
use fleet_common::value::{Map, Value};

use super::change::{Set, answer};
use crate::cx::{Act, Look};
use crate::system::account_tools::{AccountFault, change, set_hash};
use crate::system::shadow::{self, Shadow};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// An account.
    pub struct Name {
        /// The login name.
        name: String,
        /// Directory of another system whose accounts are meant.
        root: Option<String> = None,
    }
}

args! {
    /// Perhaps another system.
    pub struct Root {
        /// Directory of another system whose accounts are meant.
        root: Option<String> = None,
    }
}

args! {
    /// Arguments of `shadow.set_password`.
    pub struct Password {
        /// The login name.
        name: String,
        /// The hash of its password.
        password: String,
        /// Not used: the hash is never an argument of a program.
        use_usermod: bool = false,
        /// Directory of another system whose accounts are meant.
        root: Option<String> = None,
    }
}

args! {
    /// Arguments of `shadow.gen_password`.
    pub struct Generate {
        /// The password.
        password: String,
        /// The salt; a random one without it.
        crypt_salt: Option<String> = None,
        /// `sha512` or `sha256`.
        algorithm: String = "sha512".to_owned(),
    }
}

/// What stands for a password that nothing opens.
pub fn default_hash() -> &'static str {
    "!"
}

/// What is known of a password, as functions report it.
pub fn described(line: Shadow) -> Map {
    Map::from_iter([
        ("name", Value::from(line.name)),
        ("passwd", line.passwd.into()),
        ("lstchg", line.changed.into()),
        ("min", line.min.into()),
        ("max", line.max.into()),
        ("warn", line.warn.into()),
        ("inact", line.inactive.into()),
        ("expire", line.expire.into()),
    ])
}

/// The hash of a password with a random salt.
pub fn random_hash(text: &str) -> Option<String> {
    password::hash(text, &random_salt(), "sha512")
}

fn random_salt() -> String {
    rand::random::<[u8; 8]>().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn line(name: &str, root: Option<&str>) -> Result<Option<Shadow>, CallError> {
    shadow::find(name, root).map_err(|fault| CallError::Failed(fault.to_string()))
}

pub(super) fn info(_: &Look, arguments: Arguments) -> CallResult {
    let args = Name::bind("shadow.info", arguments)?;
    Ok(match line(&args.name, args.root.as_deref())? {
        Some(line) => described(line),
        None => ["name", "passwd", "lstchg", "min", "max", "warn", "inact", "expire"]
            .into_iter()
            .map(|key| (Value::from(key), Value::from("")))
            .collect(),
    }
    .into())
}

pub(super) fn list_users(_: &Look, arguments: Arguments) -> CallResult {
    let args = Root::bind("shadow.list_users", arguments)?;
    let lines = shadow::table(args.root.as_deref()).map_err(|fault| CallError::Failed(fault.to_string()))?;
    let mut names: Vec<String> = lines.into_iter().map(|line| line.name).collect();
    names.sort();
    Ok(names.into_iter().collect::<Value>().into())
}

pub(super) fn gen_password(_: &Look, arguments: Arguments) -> CallResult {
    let args = Generate::bind("shadow.gen_password", arguments)?;
    let salt = args.crypt_salt.unwrap_or_else(random_salt);
    let hashed = password::hash(&args.password, &salt, &args.algorithm).ok_or_else(|| {
        let algorithm = &args.algorithm;
        CallError::Invocation(format!(
            "no hash for algorithm '{algorithm}' (sha512 and sha256 are there) and this salt (letters, digits, '.' and '/')"
        ))
    })?;
    Ok(hashed.into())
}

pub(super) fn set_password(_: &Act, arguments: Arguments) -> CallResult {
    let args = Password::bind("shadow.set_password", arguments)?;
    let root = args.root.as_deref();
    if line(&args.name, root)?.is_none() {
        return answer(Err(AccountFault::Refused(format!("User '{}' does not exist", args.name))));
    }
    answer(set_hash(&args.name, &args.password, root))
}

/// Locks or unlocks a password, or takes it away; true also when it is so already.
pub(super) fn lock(arguments: Arguments, function: &str, words: &[&str], is: fn(&Shadow) -> bool) -> CallResult {
    let args = Name::bind(function, arguments)?;
    let root = args.root.as_deref();
    match line(&args.name, root)? {
        Some(line) if is(&line) => Ok(true.into()),
        _ => answer(change("passwd", words, &args.name, root)),
    }
}

/// Sets one of the ages of a password.
pub(super) fn set_age(args: Set, flag: &str) -> CallResult {
    answer(change("chage", &[flag, &args.value], &args.name, args.root.as_deref()))
}
