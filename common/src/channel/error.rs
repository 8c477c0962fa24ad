//! Why a session could not be made or used, and how one ended.

use crate::crypto::handshake::HandshakeError;
use crate::crypto::session::RecordError;
use crate::proto::decode::DecodeError;
use crate::proto::request::KeyState;

/// Why a session could not be made or a request was not answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChannelError {
    /// The handshake failed; nothing was changed.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The session is over.
    #[error("the session ended: {0}")]
    Ended(#[from] SessionEnd),
    /// The peer gave no answer in time.
    #[error("no answer within {seconds} s")]
    Timeout {
        /// How long was waited.
        seconds: f64,
    },
    /// The master said again and again that others come first.
    #[error("the master is busy with others")]
    Busy,
    /// The message is larger than any message may be; it was not sent.
    #[error("a message of {size} bytes exceeds the limit of {limit} bytes")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// There is no open request with this id: it was answered before, or never asked.
    #[error("request {id} is not open")]
    NotOpen {
        /// The id.
        id: u64,
    },
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionEnd {
    /// The connection was closed by the peer or lost.
    #[error("the connection is gone")]
    Lost,
    /// This side closed it.
    #[error("it was closed here")]
    Closed,
    /// The key is not accepted; nothing but the welcome was said.
    #[error("the key is not accepted: {0:?}")]
    Unaccepted(KeyState),
    /// The master said good-bye.
    #[error("the master said good-bye: {reason}")]
    Goodbye {
        /// Its reason.
        reason: String,
    },
    /// The peer broke the protocol, or somebody between did.
    #[error("the peer broke the protocol: {0}")]
    Fault(#[from] Fault),
}

/// How a peer broke the protocol of a session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A record is not what comes next.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Records do not make a message.
    #[error("its records do not make a message")]
    Parts,
    /// A message is too large, or all unfinished ones are.
    #[error("its messages exceed {limit} bytes")]
    Oversize {
        /// The limit.
        limit: usize,
    },
    /// A message can't be read.
    #[error(transparent)]
    Message(#[from] DecodeError),
    /// A message that is not this side's to receive, or not now.
    #[error("it sent a message out of place")]
    Unexpected,
    /// More requests at once than allowed, or one id twice.
    #[error("it has too many requests open, or uses one id twice")]
    Requests,
    /// It does not read what it is sent.
    #[error("it does not read")]
    Slow,
}
