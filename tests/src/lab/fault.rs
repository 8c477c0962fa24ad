//! What can go wrong in a lab.

use std::path::PathBuf;

/// Why a lab, or a scenario in it, failed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A program of the machine failed.
    #[error("{command}: {why}")]
    Program {
        /// The command line.
        command: String,
        /// Its exit status and what it wrote on standard error.
        why: String,
    },
    /// A file or directory of the machine.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A scenario file that cannot be read as one.
    #[error("{0}")]
    Scenario(String),
    /// A host did not get where it should in time.
    #[error("{host}: {what}")]
    Host {
        /// Its name.
        host: String,
        /// What did not happen, with what the host says.
        what: String,
    },
    /// What was to be shown does not hold.
    #[error("{0}")]
    Wrong(String),
}

impl Fault {
    /// For `map_err` on a path.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// Fails with a text unless something holds.
pub fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::Wrong(what())) }
}
