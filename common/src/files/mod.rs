//! The files of state and pillar trees, whoever keeps them: a disk, the master over a session, a test.

mod roots;
mod tree;

use std::sync::Arc;

pub use roots::Roots;
pub use tree::{Tree, is_init};

use crate::value::Map;

/// What is known of a file without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStat {
    /// Size in bytes.
    pub size: u64,
    /// Permission bits (`0o644`); 0 when the source does not know them.
    pub mode: u32,
    /// Modification time, nanoseconds since 1970; 0 when not known. A cheap hint that content changed.
    pub mtime: i128,
    /// The link's target when the entry is a symbolic link.
    pub link: Option<String>,
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
}
