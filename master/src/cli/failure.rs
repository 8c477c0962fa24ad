//! Why a command has no answer, and its exit status.

use fleet_common::diag::Diagnostic;
use fleet_common::exit::Exit;

use crate::client::ClientError;

/// Why nothing was run, or no longer followed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Diagnostic(#[from] Diagnostic),
    #[error("{0}")]
    Client(#[from] ClientError),
    #[error("{0}")]
    Output(#[from] std::io::Error),
}

impl Failure {
    /// The exit status, as `docs/exit-statuses.md` lists them.
    pub(super) fn exit(&self) -> u8 {
        match self {
            Self::Diagnostic(fault) => Exit::from(fault.kind) as u8,
            Self::Client(error) => error.exit(),
            Self::Output(_) => Exit::Failed as u8,
        }
    }
}
