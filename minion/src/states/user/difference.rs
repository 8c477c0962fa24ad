//! How an account differs from what is declared, and how each difference is mended.

use std::path::{Path, PathBuf};

use fleet_common::value::python::repr;
use fleet_common::value::{Map, Value};

use crate::modules::accounts::{Comment, described, described_shadow, set_comment, usermod};
use crate::states::Failure;
use crate::system::account_tools::{AccountFault, change, set_hash};
use crate::system::shadow::{self, Shadow};
use crate::system::user::{Account, Accounts};

/// What stands for a password in comments and changes.
pub(super) const REDACTED: &str = "XXX-REDACTED-XXX";

/// One thing that differs.
#[derive(Clone)]
pub enum Step {
    /// The user id.
    Uid(u32),
    /// The primary group.
    Gid(u32),
    /// All further groups.
    Groups(Vec<String>),
    /// The home directory; with `true` its content moves.
    Home(PathBuf, bool),
    /// The home directory is to be made.
    MakeHome(PathBuf),
    /// The login shell.
    Shell(String),
    /// A part of the comment, by the argument's name.
    Comment(Comment, &'static str, String),
    /// The hash of the password.
    Hash(String),
    /// No password.
    NoPassword,
    /// Whether the password is locked.
    Lock(bool),
    /// An age of the password: the argument's name, `chage`'s option, days.
    Age(&'static str, &'static str, i64),
}

/// Never the hash.
impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.shown())
    }
}

impl Step {
    /// `uid: 5`, as a dry run lists it.
    pub fn shown(&self) -> String {
        let names = |groups: &[String]| repr(&groups.iter().map(|name| Value::from(name.as_str())).collect());
        match self {
            Self::Uid(uid) => format!("uid: {uid}"),
            Self::Gid(gid) => format!("gid: {gid}"),
            Self::Groups(groups) => format!("groups: {}", names(groups)),
            Self::Home(home, _) => format!("home: {}", home.display()),
            Self::MakeHome(home) => format!("homeDoesNotExist: {}", home.display()),
            Self::Shell(shell) => format!("shell: {shell}"),
            Self::Comment(_, argument, text) => format!("{argument}: {text}"),
            Self::Hash(_) => format!("passwd: {REDACTED}"),
            Self::NoPassword => "empty_password: True".to_owned(),
            Self::Lock(lock) => format!("password_lock: {}", if *lock { "True" } else { "False" }),
            Self::Age(argument, _, days) => format!("{argument}: {days}"),
        }
    }

    /// Mends it.
    pub fn take(&self, name: &str) -> Result<(), AccountFault> {
        let set = |words: &[&str]| usermod(name, words, None);
        match self {
            Self::Uid(uid) => set(&["-o", "-u", &uid.to_string()]),
            Self::Gid(gid) => set(&["-g", &gid.to_string()]),
            Self::Groups(groups) => set(&["-G", &groups.join(",")]),
            Self::Home(home, move_content) => {
                let home = home.to_string_lossy();
                set(&["-d", &home, "-m"][..if *move_content { 3 } else { 2 }])
            }
            Self::MakeHome(home) => make_home(name, home),
            Self::Shell(shell) => set(&["-s", shell]),
            Self::Comment(part, _, text) => match Accounts::system().account(name) {
                Some(account) => set_comment(&account, *part, text, None),
                None => Ok(()),
            },
            Self::Hash(hash) => set_hash(name, hash, None),
            Self::NoPassword => change("passwd", &["-q", "-d"], name, None),
            Self::Lock(lock) => change("passwd", &["-q", if *lock { "-l" } else { "-u" }], name, None),
            Self::Age(_, option, days) => change("chage", &[option, &days.to_string()], name, None),
        }
    }
}

/// Makes a home directory that belongs to its account from the start.
fn make_home(name: &str, home: &Path) -> Result<(), AccountFault> {
    let Some(account) = Accounts::system().account(name) else { return Ok(()) };
    if home.is_dir() {
        return Ok(());
    }
    let refused = |error: std::io::Error| AccountFault::Refused(format!("{}: {error}", home.display()));
    let parent = home.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(parent).map_err(refused)?;
    let made = tempfile::Builder::new().prefix(".fleet-").tempdir_in(parent).map_err(refused)?;
    std::os::unix::fs::chown(made.path(), Some(account.uid), Some(account.gid)).map_err(refused)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(made.path(), mode).map_err(refused)?;
    std::fs::rename(made.path(), home).map_err(refused)
}

/// An account and its password as they are.
pub(super) struct Now {
    pub account: Account,
    pub groups: Vec<String>,
    pub shadow: Option<Shadow>,
}

impl Now {
    pub fn of(name: &str) -> Result<Option<Self>, Failure> {
        let accounts = Accounts::system();
        let Some(account) = accounts.account(name) else { return Ok(None) };
        let groups = accounts.group_ids(&account);
        let groups = groups.iter().filter_map(|gid| accounts.group_by_gid(*gid)).map(|group| group.name).collect();
        let shadow = match shadow::find(name, None) {
            Ok(shadow) => shadow,
            Err(fault) if fault.is_missing() => None,
            Err(fault) => return Err(Failure::new(fault.to_string())),
        };
        Ok(Some(Self { account, groups, shadow }))
    }

    /// Everything about it by the names that changes are reported under; the password redacted.
    pub fn facts(&self) -> Map {
        let mut facts = described(&Accounts::system(), &self.account);
        if let Some(shadow) = &self.shadow {
            for (key, value) in described_shadow(shadow.clone()) {
                if key.as_str() != Some("name") {
                    facts.insert(key, value);
                }
            }
        }
        facts
    }
}

/// What differs between two states of an account, new values by name.
pub(super) fn changes(before: &Map, after: Map) -> Map {
    let differs =
        |key: &Value, value: &Value| before.iter().find(|(known, _)| *known == key).map(|(_, v)| v) != Some(value);
    let changed = after.into_iter().filter(|(key, value)| differs(key, value));
    changed
        .map(|(key, value)| if key.as_str() == Some("passwd") { (key, REDACTED.into()) } else { (key, value) })
        .collect()
}
