//! The exit statuses of all programs: one table, also shown in `docs/exit-statuses.md`.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was asked for happened; for jobs: all targeted minions answered and none failed.
    Success = 0,
    /// At least one target, state or key failed.
    Failed = 1,
    /// The target expression matches no minion (or, with `--retcode-passthrough`, a state failed).
    NoTarget = 2,
    /// At least one targeted minion did not answer: it is down, silent, or still running.
    Missing = 3,
    /// A wrong option or argument.
    Usage = 64,
    /// The master (or its socket) is not there.
    Unavailable = 69,
    /// A defect of ours.
    Internal = 70,
    /// The user may not do this.
    Denied = 77,
    /// A configuration file is wrong.
    Config = 78,
    /// Interrupted from the keyboard; the job goes on.
    Interrupted = 130,
    /// `saltcall`: no such function.
    UnknownFunction = 255,
}

/// The rows of the table: status and meaning.
pub const TABLE: &[(Exit, &str)] = &[
    (Exit::Success, "everything asked for happened; for jobs: all targeted minions answered and none failed"),
    (Exit::Failed, "at least one target, state or key failed"),
    (Exit::NoTarget, "the target matches no minion; a failed state with --retcode-passthrough"),
    (Exit::Missing, "at least one targeted minion did not answer: down, silent or still running"),
    (Exit::Usage, "a wrong option or argument"),
    (Exit::Unavailable, "the master is not running or can't be reached"),
    (Exit::Internal, "an internal error"),
    (Exit::Denied, "not allowed for this user"),
    (Exit::Config, "a configuration file is wrong"),
    (Exit::Interrupted, "interrupted from the keyboard; the job goes on"),
    (Exit::UnknownFunction, "saltcall: there is no such function"),
];

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<crate::diag::Kind> for Exit {
    fn from(kind: crate::diag::Kind) -> Self {
        match kind {
            crate::diag::Kind::User => Self::Usage,
            crate::diag::Kind::Config => Self::Config,
            crate::diag::Kind::Remote => Self::Unavailable,
            crate::diag::Kind::Internal => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TABLE;

    #[test]
    fn the_page_shows_the_table() {
        let page = include_str!("../../docs/exit-statuses.md");
        let rows: Vec<&str> =
            page.lines().filter(|line| line.starts_with("| ") && line.contains(|c: char| c.is_ascii_digit())).collect();
        let table: Vec<String> =
            TABLE.iter().map(|(exit, meaning)| format!("| {} | {meaning} |", *exit as u8)).collect();
        assert_eq!(rows, table);
    }
}
