//! Keys of this machine and its users.

use std::path::Path as FilePath;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use crate::cx::Look;
use crate::system::fs::read_bounded;
use crate::system::ssh::is_encrypted;
use crate::system::user::{Account, Accounts};

/// The largest key.
const LIMIT: u64 = 1 << 20;

args! {
    /// Arguments of `ssh.host_keys`.
    pub struct HostKeys {
        /// Where they are.
        keydir: String = "/etc/ssh".to_owned(),
        /// Private keys, too.
        private: bool = true,
        /// Certificates, too.
        certs: bool = true,
    }
}

args! {
    /// Arguments of `ssh.user_keys`.
    pub struct UserKeys {
        /// The user, or a list of users; all users when not given.
        user: Vec<String> = Vec::new(),
        /// The public key, relative to the home; false: none.
        pubfile: Value = Value::Null,
        /// The private key, relative to the home; false: none.
        prvfile: Value = Value::Null,
    }
}

args! {
    /// A private key.
    pub struct Path {
        /// Where it is.
        key: String,
    }
}

fn text(path: &FilePath) -> Option<String> {
    let bytes = read_bounded(path, LIMIT).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

pub(super) fn host_keys(_look: &Look, arguments: Arguments) -> CallResult {
    let args = HostKeys::bind("ssh.host_keys", arguments)?;
    let entries = std::fs::read_dir(&args.keydir)
        .map_err(|error| CallError::Failed(format!("{}: {}", args.keydir, crate::system::fs::plain(&error))))?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    let mut keys = Map::new();
    for name in names {
        let Some(rest) = name.strip_prefix("ssh_host_").filter(|rest| rest.contains("_key")) else { continue };
        let (is_public, is_cert) = (rest.ends_with(".pub"), rest.contains("-cert"));
        if (!is_public && !args.private) || (is_cert && !args.certs) {
            continue;
        }
        // `ssh_host_rsa_key.pub` is shown as `rsa.pub`.
        if let Some(text) = text(&FilePath::new(&args.keydir).join(&name)) {
            keys.insert(rest.replacen("_key", "", 1), text);
        }
    }
    Ok(keys.into())
}

/// The files that are wanted; the usual names when none is given.
fn wanted(given: &Value, usual: &[&str]) -> Vec<String> {
    match given {
        Value::Bool(false) => Vec::new(),
        Value::Str(path) => vec![path.clone()],
        Value::List(paths) => paths.iter().filter_map(|path| path.as_str().map(str::to_owned)).collect(),
        _ => usual.iter().map(|name| format!(".ssh/{name}")).collect(),
    }
}

pub(super) fn user_keys(_look: &Look, arguments: Arguments) -> CallResult {
    let args = UserKeys::bind("ssh.user_keys", arguments)?;
    let accounts: Vec<Account> = match args.user.is_empty() {
        true => Accounts::system().accounts().map_err(|fault| CallError::Failed(fault.to_string()))?,
        false => args.user.iter().filter_map(|name| Accounts::system().account(name)).collect(),
    };
    let public = ["id_rsa.pub", "id_dsa.pub", "id_ecdsa.pub", "id_ed25519.pub"];
    let private = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"];
    let files = [wanted(&args.pubfile, &public), wanted(&args.prvfile, &private)].concat();
    let mut all = Map::new();
    for account in accounts {
        let mut keys = Map::new();
        for file in &files {
            let path = account.home.join(file);
            if let Some(text) = text(&path) {
                keys.insert(path.file_name().unwrap_or_default().to_string_lossy().into_owned(), text);
            }
        }
        if !keys.is_empty() {
            all.insert(account.name, keys);
        }
    }
    Ok(all.into())
}

pub(super) fn key_is_encrypted(_look: &Look, arguments: Arguments) -> CallResult {
    let path = Path::bind("ssh.key_is_encrypted", arguments)?.key;
    Ok(is_encrypted(&path).map_err(|error| CallError::Failed(error.to_string()))?.into())
}
