//! ZMTP 3.0 and 3.1 as pure data: greeting, commands and frames to and from bytes, with limits; no sockets, no clock.
//!
//! Only the NULL mechanism is spoken: secrecy and authenticity belong to `channel`. What a peer claims (a frame's
//! length, a property's length) never decides how much memory is taken: bodies grow with the bytes that arrived.

mod command;
mod frame;
mod greeting;

pub use command::{Command, Ready};
pub use frame::{Decoder, Header, Item, MAX_PARTS};
pub use greeting::{GREETING_LEN, Greeting};

/// What a ZMQ socket is; told in READY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketType {
    /// Request, lock-step.
    Req,
    /// Request, free.
    Dealer,
    /// Reply, addressed.
    Router,
    /// Publishes.
    Pub,
    /// Subscribes.
    Sub,
    /// Subscribes, raw subscriptions.
    Xsub,
    /// Publishes, raw subscriptions.
    Xpub,
}

impl SocketType {
    const NAMES: [(Self, &'static [u8]); 7] = [
        (Self::Req, b"REQ"),
        (Self::Dealer, b"DEALER"),
        (Self::Router, b"ROUTER"),
        (Self::Pub, b"PUB"),
        (Self::Sub, b"SUB"),
        (Self::Xsub, b"XSUB"),
        (Self::Xpub, b"XPUB"),
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static [u8] {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or(b"", |(_, name)| name)
    }

    /// By its name on the wire; `None` for the types this system never meets.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

/// How a peer broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ZmtpError {
    /// The first bytes are not a ZMTP greeting.
    #[error("not a ZMTP greeting")]
    NotZmtp,
    /// The peer speaks ZMTP 2 or older.
    #[error("ZMTP version {0} is too old")]
    Version(u8),
    /// The peer wants another security mechanism than NULL.
    #[error("the peer wants another mechanism than NULL")]
    Mechanism,
    /// A frame has flags that mean nothing.
    #[error("frame flags {0:#04x} are not known")]
    Flags(u8),
    /// A frame or message is longer than allowed now.
    #[error("a message of {claimed} bytes or more, {limit} are allowed")]
    TooLong {
        /// What the header, with the parts before it, claims.
        claimed: u64,
        /// What is allowed.
        limit: usize,
    },
    /// A message has too many parts.
    #[error("a message of more than {MAX_PARTS} parts")]
    TooManyParts,
    /// A command can't be read.
    #[error("a broken command")]
    BrokenCommand,
    /// A message came before READY, or READY twice.
    #[error("not the time for it")]
    OutOfTurn,
    /// READY names no or no fitting socket type.
    #[error("the peer's socket type does not fit")]
    SocketType,
    /// The peer ended the handshake with an ERROR command.
    #[error("the peer refused the connection")]
    Refused,
}
