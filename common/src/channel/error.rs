//! Why a session could not be made or used, and how one ended.

/// Why a session could not be made or a request was not answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChannelError {
    /// The session is over.
    #[error("the session ended: {0}")]
    Ended(SessionEnd),
    /// The peer gave no answer in time.
    #[error("no answer within {seconds} s")]
    Timeout {
        /// How long was waited.
        seconds: u64,
    },
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionEnd {
    /// The connection was closed by the peer or lost.
    #[error("the connection is gone")]
    Lost,
    /// This side closed it.
    #[error("closed here")]
    Closed,
    /// The master said good-bye.
    #[error("the master closed the session: {reason}")]
    Goodbye {
        /// Its reason.
        reason: String,
    },
}
