//! The state files of the master, seen from the minion: asked for over the session, kept in the cache directory.

use std::path::PathBuf;

use fleet_common::proto::files::Manifest;
use fleet_common::proto::request::{Reply, Request};

pub mod anywhere;
mod ask;
pub mod below;
pub mod cache;
mod large;
pub mod remote;
pub mod store;
#[cfg(test)]
pub(crate) mod swapped;
pub mod web;

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
    /// What the master has below a place; `None` when there are more than `most` files.
    fn tree(&self, environment: &str, prefix: &str, most: u32) -> Result<Option<Manifest>, FetchError>;
    /// Brings all files whose paths start with `prefix` to this machine; says what they are.
    fn fetch_tree(&self, environment: &str, prefix: &str) -> Result<Manifest, FetchError>;
}
