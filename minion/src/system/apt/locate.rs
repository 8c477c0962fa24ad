//! Where apt and dpkg keep their files, and for which machine.

use std::path::PathBuf;

use crate::system::command::{Command, which};
use crate::system::environment::Environment;
use crate::system::packages::PackageError;

/// Paths out of apt's own configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// dpkg's list of packages.
    pub status: PathBuf,
    /// Directory of the package indexes.
    pub lists: PathBuf,
    /// Directory of fetched packages.
    pub archives: PathBuf,
    /// The list of sources.
    pub sources: PathBuf,
    /// Directory with more of them.
    pub parts: PathBuf,
    /// The machine's own architecture (`amd64`).
    pub architecture: String,
}

impl Places {
    /// Asks `apt-config`, which answers in assignments that a shell could read.
    pub fn ask(environment: &Environment) -> Result<Self, PackageError> {
        let wanted = [
            ("STATUS", "Dir::State::status/f"),
            ("LISTS", "Dir::State::lists/d"),
            ("ARCHIVES", "Dir::Cache::archives/d"),
            ("SOURCES", "Dir::Etc::sourcelist/f"),
            ("PARTS", "Dir::Etc::sourceparts/d"),
            ("ARCH", "APT::Architecture"),
        ];
        if which("apt-config", None).is_none() {
            return Err(PackageError::Absent("apt", "apt-config"));
        }
        let words = ["apt-config", "shell"].into_iter().chain(wanted.iter().flat_map(|(name, key)| [*name, *key]));
        let finished = environment.apply(Command::argv(words)).c_locale().timeout_seconds(30.0).run()?;
        let text = String::from_utf8_lossy(&finished.stdout);
        if finished.status != 0 {
            return Err(PackageError::Refused(String::from_utf8_lossy(&finished.stderr).trim().to_owned()));
        }
        let value = |name: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            found.map(|quoted| quoted.trim_matches('\'').to_owned()).unwrap_or_default()
        };
        Ok(Self {
            status: value("STATUS").into(),
            lists: value("LISTS").into(),
            archives: value("ARCHIVES").into(),
            sources: value("SOURCES").into(),
            parts: value("PARTS").into(),
            architecture: value("ARCH"),
        })
    }

    /// The directory `dpkg` works with.
    pub fn admindir(&self) -> PathBuf {
        self.status.parent().map(PathBuf::from).unwrap_or_default()
    }
}
