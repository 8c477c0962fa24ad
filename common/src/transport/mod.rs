//! Bytes between machines: whole messages over connections, bounded in size, number and time.
//!
//! Knows nothing of keys, sessions or jobs. Two implementations stand behind each trait: ZeroMQ over TCP (our own
//! guarded ZMTP endpoint on the master, the `zeromq` package on the minion) and an in-memory one for tests.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

mod accept;
mod admission;
pub mod backoff;
mod connection;
mod guard;
mod handshake;
pub mod link;
mod listener;
pub mod mem;
mod private;
mod publisher;
mod reader;
mod relay;
mod socket;
mod stats;
mod subscriptions;
mod writer;
mod zmq;
pub mod zmtp;

pub use accept::Meter;
pub use guard::{Address, ConnectOptions};
pub use link::{Closed, Closing, Link, LinkReceiver, LinkSender};
pub use listener::{ListenerOptions, RequestListener, bind_request};
pub use publisher::{PublishListener, bind_publisher};
pub use socket::KeepAlive;
pub use stats::Stats;
pub use zmq::{Carrier, ConnectorOptions, ZmqConnector};

/// A future behind a trait object.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Largest message before a peer is known.
pub const MAX_UNKNOWN_MESSAGE: usize = 4 * 1024;
/// Largest message afterwards.
pub const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Why a connection could not be made or used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransportError {
    /// No connection.
    #[error("{address}: {why}")]
    Unreachable {
        /// Where to.
        address: String,
        /// Why.
        why: String,
    },
    /// The address can't be bound.
    #[error("cannot listen on {address}: {why}")]
    Bind {
        /// Where.
        address: String,
        /// Why.
        why: String,
    },
    /// The peer broke the protocol or a limit.
    #[error("{address}: the peer broke the protocol: {why}")]
    Protocol {
        /// Who.
        address: String,
        /// How.
        why: String,
    },
}

/// The master's side of the publish socket: one message to all subscribers, never waiting for any.
pub trait Publisher: Send + Sync {
    /// Hands one shared message to every subscriber's outbox; a subscriber whose outbox is full is closed.
    fn publish(&self, message: Bytes);
    /// How many subscribers are connected and have said what they want; publishing before that reaches nobody.
    fn subscribers(&self) -> usize;
}

/// The master's side of the request socket: connections of peers that are not known yet.
pub trait Listener: Send {
    /// The next connection; its handshake of the transport is done. `None` after shutdown.
    fn accept(&mut self) -> Boxed<'_, Option<Link>>;
}

/// The minion's side: makes connections to one master.
pub trait Connector: Send + Sync {
    /// A connection to the request socket.
    fn request(&self) -> Boxed<'_, Result<Link, TransportError>>;
    /// A connection to the publish socket; only its receiving half is used.
    fn subscribe(&self) -> Boxed<'_, Result<Link, TransportError>>;
}

/// Where a peer is, for logs and per-address limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// A network peer.
    Network(IpAddr, u16),
    /// A peer in this process.
    Memory(Arc<str>),
}

impl Peer {
    /// What one owner can vary freely counts as one: the address, or the /64 of IPv6. `None` in this process.
    pub fn network(&self) -> Option<IpAddr> {
        match self {
            Self::Network(address, _) => Some(admission::network(*address)),
            Self::Memory(_) => None,
        }
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Network(address, port) => write!(f, "{address}:{port}"),
            Self::Memory(name) => write!(f, "memory:{name}"),
        }
    }
}
