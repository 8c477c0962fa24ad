//! The files of state and pillar trees, whoever keeps them: a disk, the master over a session, a test.

mod beneath;
mod opened;
mod roots;
mod served;
mod tree;
mod walk;

use std::sync::Arc;
use std::time::Duration;

pub use opened::Opened;
pub use roots::Roots;
pub use served::{Served, ServedError};
pub use tree::{Tree, is_init};

use crate::value::Map;

/// Tells one state of a file on a disk from all others, as far as the kernel can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// Device.
    pub device: u64,
    /// Number on the device.
    pub inode: u64,
    /// Size in bytes.
    pub size: u64,
    /// When the content was changed last, nanoseconds since 1970.
    pub modified: i128,
    /// When anything was changed last; unlike `modified` nobody can set it.
    pub changed: i128,
}

/// The clock of file systems ticks at least this often: two changes within a tick look like one.
const TICK: i128 = 12_000_000;

impl Version {
    /// How long from `now` (nanoseconds since 1970) until a further change is sure to show; `None` when that can't be
    /// known because the clock was set back.
    pub fn settles_in(&self, now: i128) -> Option<Duration> {
        let age = now - self.changed;
        (age >= 0).then(|| Duration::from_nanos(u64::try_from(TICK - age).unwrap_or(0)))
    }
}

/// What is known of a file without its content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileStat {
    /// Size in bytes.
    pub size: u64,
    /// Permission bits (`0o644`); 0 when the source does not know them.
    pub mode: u32,
    /// Modification time, nanoseconds since 1970; 0 when not known. A cheap hint that content changed.
    pub mtime: i128,
    /// The link's target when the entry is a symbolic link.
    pub link: Option<String>,
    /// Which state of the file this is, for files on a disk of this machine.
    pub version: Option<Version>,
    /// SHA-256 of the content, where the source knows it without reading.
    pub sha256: Option<[u8; 32]>,
}

impl FileStat {
    /// What the kernel tells of a file.
    #[allow(clippy::unnecessary_cast, reason = "the kernel's types differ between architectures")]
    pub fn of(stat: &rustix::fs::Stat) -> Self {
        let nanoseconds = |seconds: i128, rest: i128| seconds * 1_000_000_000 + rest;
        let modified = nanoseconds(stat.st_mtime as i128, stat.st_mtime_nsec as i128);
        let changed = nanoseconds(stat.st_ctime as i128, stat.st_ctime_nsec as i128);
        let (device, inode, size) = (stat.st_dev as u64, stat.st_ino as u64, stat.st_size as u64);
        let version = Some(Version { device, inode, size, modified, changed });
        Self { size, mode: stat.st_mode & 0o7777, mtime: modified, version, ..Self::default() }
    }
}

/// Files and directories below one place, as paths from the root of the environment, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Files.
    pub files: Vec<(String, FileStat)>,
    /// Directories, the empty ones included.
    pub directories: Vec<String>,
}

/// Why a file could not be read. A file that is not there is no error: it is `None`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The path leaves the tree or is not a clean relative path.
    #[error("'{0}' is not a path inside the tree")]
    Outside(String),
    /// The environment does not exist.
    #[error("there is no environment '{0}'")]
    Environment(String),
    /// The source could not answer.
    #[error("{path}: {why}")]
    Failed {
        /// What was asked for.
        path: String,
        /// Why it failed.
        why: String,
    },
}

/// A place that state files come from. Paths are relative, with `/`, never absolute, never with `..`.
///
/// Blocking by design: templates and states run on blocking threads or in worker processes.
pub trait FileSource: Send + Sync {
    /// Settings of whoever serves the tree that say how it is read (`nodegroups`, `state_top`, ...), over the reader's own.
    fn options(&self) -> Result<Map, FileError> {
        Ok(Map::new())
    }
    /// All environments.
    fn environments(&self) -> Result<Vec<String>, FileError>;
    /// All files of an environment, sorted; `prefix` limits to paths that start with it.
    fn list(&self, environment: &str, prefix: &str) -> Result<Vec<String>, FileError>;
    /// All directories of an environment, sorted, the empty ones included; `prefix` as in `list`.
    fn directories(&self, environment: &str, prefix: &str) -> Result<Vec<String>, FileError>;
    /// What is known of a file.
    fn stat(&self, environment: &str, path: &str) -> Result<Option<FileStat>, FileError>;
    /// The whole content of a file (links inside the tree are followed).
    fn read(&self, environment: &str, path: &str) -> Result<Option<Arc<[u8]>>, FileError>;

    /// A file to read in parts; what is read is of the file as it was found, whatever takes its place meanwhile.
    fn open(&self, environment: &str, path: &str) -> Result<Option<Opened>, FileError> {
        let Some(stat) = self.stat(environment, path)? else { return Ok(None) };
        Ok(self.read(environment, path)?.map(|content| Opened::in_memory(content, stat)))
    }

    /// Everything whose path starts with `prefix`, with what is known of it.
    fn listing(&self, environment: &str, prefix: &str) -> Result<Listing, FileError> {
        let mut files = Vec::new();
        for path in self.list(environment, prefix)? {
            if let Some(stat) = self.stat(environment, &path)? {
                files.push((path, stat));
            }
        }
        Ok(Listing { files, directories: self.directories(environment, prefix)? })
    }

    /// Says that all files whose path starts with `prefix` will be read: a source that is far away brings them at once.
    fn prefetch(&self, _environment: &str, _prefix: &str) -> Result<(), FileError> {
        Ok(())
    }
}
