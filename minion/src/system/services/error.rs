//! What goes wrong with services.

use crate::system::command::CommandError;
use crate::system::fs::FileFault;

/// Why a service could not be asked or changed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The service manager refused; its own words.
    #[error("{0}")]
    Refused(String),
    /// There is no such thing with this service manager.
    #[error("{what} needs systemd; services are managed by scripts in /etc/init.d here")]
    NoSystemd {
        /// What was asked for.
        what: &'static str,
    },
    /// A name that names no service.
    #[error("'{0}' is no name of a service")]
    Name(String),
    /// A program could not be run.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileFault),
}
