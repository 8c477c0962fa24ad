//! Why the store could not do something.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fleet_common::ids::Jid;

/// A failed operation of the store. Cloned to every write of a group commit that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The directory or a file in it could not be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why it failed.
        source: Arc<std::io::Error>,
    },
    /// The engine failed; another master holding the same directory ends here.
    #[error("the database at {} cannot be used: {source}", path.display())]
    Engine {
        /// The database.
        path: PathBuf,
        /// Why it failed.
        source: sled::Error,
    },
    /// A row is not what was written.
    #[error("a row of '{table}' cannot be read: {why}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A job with this id exists.
    #[error("the job {0} exists already")]
    Exists(Jid),
    /// There is more than is kept.
    #[error("{what} have {bytes} bytes; at most {most} are kept")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How much it would be.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// The writer ended; the master is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source: Arc::new(source) }
    }

    pub(super) fn engine(path: &Path) -> impl FnOnce(sled::Error) -> Self + '_ {
        move |source| Self::Engine { path: path.to_owned(), source }
    }
}
