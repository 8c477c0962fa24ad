//! Why an archive cannot be read or unpacked.

use std::path::Path;

use crate::system::fs::plain;

/// Why an archive cannot be read or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Reading the archive or writing a member failed.
    #[error("{path}: {why}")]
    Failed {
        /// The archive.
        path: String,
        /// What happened.
        why: String,
    },
    /// The program that unpacks the compression is not there.
    #[error("{path}: '{program}' is needed to unpack it and is not installed")]
    Program {
        /// The archive.
        path: String,
        /// The program.
        program: &'static str,
    },
    /// A member of a zip archive needs a password that was not given or is wrong.
    #[error("{path}: the member '{member}' needs another password")]
    Password {
        /// The archive.
        path: String,
        /// The member.
        member: String,
    },
    /// A member whose name leads out of the directory.
    #[error("{path}: the member '{member}' leads out of the directory it is unpacked into")]
    Outside {
        /// The archive.
        path: String,
        /// The member.
        member: String,
    },
}

impl ArchiveError {
    /// A failure of the system on an archive.
    pub fn io(path: &Path) -> impl Fn(std::io::Error) -> Self + '_ {
        |error| Self::Failed { path: path.display().to_string(), why: plain(&error) }
    }
}
