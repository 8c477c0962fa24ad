//! The state files of the master, seen from the minion: asked for over the session, kept in the cache directory.

use std::path::PathBuf;

use fleet_common::proto::request::{Reply, Request};

pub mod cache;
pub mod remote;

/// The master could not be asked, or would not answer. The text is for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// Someone who can ask the master and waits for the answer: the daemon's session, or a worker's line to the daemon.
pub trait Asker: Send + Sync {
    /// Asks the master.
    fn ask(&self, request: Request) -> Result<Reply, FetchError>;
    /// Brings a file to this machine; `None` when there is no such file.
    fn fetch(&self, environment: &str, path: &str) -> Result<Option<PathBuf>, FetchError>;
}
