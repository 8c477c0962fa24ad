//! What package managers are asked to do, and how they refuse.

use std::collections::BTreeMap;

use crate::system::apt::Locked;
use crate::system::command::CommandError;
use crate::system::fs::FileFault;

/// Why packages cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A package manager's program is not here.
    #[error("{0} is not installed on this machine (no program '{1}')")]
    Absent(&'static str, &'static str),
    /// A program could not be run.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A list or a configuration could not be read.
    #[error(transparent)]
    File(#[from] FileFault),
    /// It refused or failed: what it wrote.
    #[error("{0}")]
    Refused(String),
    /// Another program holds a lock.
    #[error(transparent)]
    Locked(#[from] Locked),
}

impl PackageError {
    /// True when a package or a version is not known (yet).
    pub fn is_unknown_package(&self) -> bool {
        const TOLD: [&str; 5] = [
            "Unable to locate package",
            "was not found",
            "has no installation candidate",
            "Unable to find a match",
            "Cache-only enabled but no cache",
        ];
        matches!(self, Self::Refused(text) if TOLD.iter().any(|words| text.contains(words)))
    }
}

/// What is to be done with packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Install these: names, words of [`super::Packages::word`], or paths of package files.
    Install(Vec<String>),
    /// Remove these, keeping their configuration.
    Remove(Vec<String>),
    /// Remove these with their configuration.
    Purge(Vec<String>),
    /// Bring all packages up to date, without removing any.
    Upgrade,
    /// Bring all packages up to date, removing and adding where that needs it.
    DistUpgrade,
    /// Remove what was installed only for packages that are gone.
    Autoremove {
        /// With configuration.
        purge: bool,
    },
    /// Fetch the package files of these.
    Download(Vec<String>),
}

/// Which sources of packages count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repositories {
    /// The release to prefer (apt), or the only repositories (dnf).
    pub from: Option<String>,
    /// Repositories to enable; dnf only.
    pub enable: Vec<String>,
    /// Repositories to disable; dnf only.
    pub disable: Vec<String>,
    /// Whose exclusions are not heeded (`all`, `main`, a repository); dnf only.
    pub disable_excludes: Option<String>,
    /// Options of the configuration (`key=value`); dnf only.
    pub options: Vec<String>,
}

/// How packages are installed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstallOptions {
    /// From where.
    pub from: Repositories,
    /// Install packages that cannot be authenticated.
    pub skip_verify: bool,
    /// Only those that are installed already.
    pub only_upgrade: bool,
    /// Recommended packages too; none: as configured.
    pub recommends: Option<bool>,
    /// Install again what is there.
    pub reinstall: bool,
    /// Allow an older version than the one installed.
    pub downgrade: bool,
    /// Change held packages, too.
    pub held: bool,
    /// Replace changed configuration files by the package's.
    pub new_configuration: bool,
}

/// Packages that change: old and new version by name; an empty text stands for none.
pub type Changes = BTreeMap<String, (String, String)>;
