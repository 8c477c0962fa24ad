//! The minion's way to a master's port: the TCP connection, its options and its opening, with every limit of ours.
//!
//! What comes out is a [`Link`] over our own codec. `zmq` puts the `zeromq` package's socket behind it, so that this
//! package never reads a byte that was not checked here.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use rand::Rng;
use socket2::SockRef;
use tokio::net::TcpStream;

use super::handshake::{self, HandshakeError, Side};
use super::link::Link;
use super::socket::{KeepAlive, Stream};
use super::zmtp::{Command, SocketType};
use super::{MAX_UNKNOWN_MESSAGE, Peer, TransportError, connection};

/// A master's port as written in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name, IPv4 or IPv6 address (without brackets).
    pub host: String,
    /// Port.
    pub port: u16,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Limits of an outgoing connection.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// For the name and each of its addresses.
    pub connect_timeout: Duration,
    /// For greeting and READY.
    pub handshake_timeout: Duration,
    /// Bytes that may wait for the master.
    pub outbox_bytes: usize,
    /// How long the master may take nothing of what waits for it.
    pub stall_timeout: Duration,
    /// TCP keepalive.
    pub keepalive: KeepAlive,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            outbox_bytes: 1024 * 1024,
            stall_timeout: Duration::from_secs(30),
            keepalive: KeepAlive::default(),
        }
    }
}

/// What is wanted of the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Its request port: we are a DEALER.
    Request,
    /// Its publish port: we are a SUB of everything.
    Subscribe,
}

impl Purpose {
    fn side(self) -> Side {
        let (ours, theirs): (_, &'static [SocketType]) = match self {
            Self::Request => (SocketType::Dealer, &[SocketType::Router]),
            Self::Subscribe => (SocketType::Sub, &[SocketType::Pub, SocketType::Xpub]),
        };
        Side { ours, theirs, identity: random_identity() }
    }
}

/// Connects to a master's port and opens ZMTP on it.
pub async fn connect(address: &Address, purpose: Purpose, options: &ConnectOptions) -> Result<Link, TransportError> {
    let unreachable = |why: String| TransportError::Unreachable { address: address.to_string(), why };
    let stream = reach(address, options).await.map_err(|error| unreachable(error.to_string()))?;
    let remote = stream.peer_addr().map_err(|error| unreachable(error.to_string()))?;
    let side = purpose.side();
    let opened = handshake::open(Stream::Tcp(stream), &side, MAX_UNKNOWN_MESSAGE, options.handshake_timeout).await;
    let opened = opened.map_err(|error| match error {
        HandshakeError::Zmtp(error) => {
            TransportError::Protocol { address: address.to_string(), why: error.to_string() }
        }
        error => unreachable(error.to_string()),
    })?;
    let (link, end) = Link::new(Peer::Network(remote.ip().to_canonical(), remote.port()), options.outbox_bytes);
    let early = (purpose == Purpose::Subscribe).then(|| Command::subscribe_frame(b""));
    let stall = options.stall_timeout;
    tokio::spawn(async move {
        let ended = connection::run(opened, end, early, stall).await;
        tracing::debug!(peer = %remote, reason = %ended, "connection to the master ended");
    });
    Ok(link)
}

/// The first of the name's addresses that answers.
async fn reach(address: &Address, options: &ConnectOptions) -> io::Result<TcpStream> {
    let timed_out = || io::Error::from(io::ErrorKind::TimedOut);
    let lookup = tokio::net::lookup_host((address.host.as_str(), address.port));
    let found = tokio::time::timeout(options.connect_timeout, lookup).await.map_err(|_| timed_out())??;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for one in found {
        match tokio::time::timeout(options.connect_timeout, TcpStream::connect(one)).await {
            Ok(Ok(stream)) => {
                options.keepalive.apply(SockRef::from(&stream))?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = timed_out(),
        }
    }
    Err(last)
}

/// An identity nobody can guess or hold against us; its first byte must not be zero.
fn random_identity() -> Bytes {
    let mut identity = [0; 16];
    rand::rng().fill(&mut identity[..]);
    identity[0] |= 0x80;
    Bytes::copy_from_slice(&identity)
}
