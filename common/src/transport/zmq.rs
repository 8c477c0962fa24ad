//! The minion's sockets: the `zeromq` package's DEALER and SUB, each behind a guarded connection.
//!
//! The package takes memory for whatever length a frame header claims, disconnects on a PING, holds 100,000 messages
//! of any size and does not say when a DEALER's connection is gone. So it is given a private unix socket whose other
//! end is ours: `guard` speaks to the master and checks everything, this relay passes whole messages on, and what
//! waits inside the package keeps its share of the link's byte budget until it came out again.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use super::guard::{self, Address, ConnectOptions, Purpose};
use super::handshake::{self, Opened, Side};
use super::private::Private;
use super::relay::{Package, RelayError, carry};
use super::socket::Stream;
use super::zmtp::SocketType;
use super::{Boxed, Connector, Link, MAX_MESSAGE, Peer, TransportError, connection};

/// Time for the two ends of the relay, both in this process, to find each other.
const RELAY_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes that may wait between the guarded connection and the package.
const RELAY_BYTES: usize = 256 * 1024;
/// Which codec carries a stream on the minion's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// The `zeromq` package's socket behind the guard.
    Package,
    /// The guarded connection itself.
    Own,
}

/// What a minion needs to know to connect.
#[derive(Debug, Clone)]
pub struct ConnectorOptions {
    /// The master's request port.
    pub request: Address,
    /// The master's publish port.
    pub publish: Address,
    /// A directory for the relay's sockets, made with mode 0700 if it is missing; must belong to us alone.
    pub relay_dir: PathBuf,
    /// Limits.
    pub connect: ConnectOptions,
    /// What carries the request stream.
    pub request_carrier: Carrier,
    /// What carries the publish stream.
    pub publish_carrier: Carrier,
}

/// Connects a minion to one master.
pub struct ZmqConnector {
    options: ConnectorOptions,
}

impl ZmqConnector {
    /// A connector; nothing is opened yet.
    pub fn new(options: ConnectorOptions) -> Self {
        Self { options }
    }

    async fn open(&self, purpose: Purpose) -> Result<Link, TransportError> {
        let (address, carrier) = match purpose {
            Purpose::Request => (&self.options.request, self.options.request_carrier),
            Purpose::Subscribe => (&self.options.publish, self.options.publish_carrier),
        };
        let connect = &self.options.connect;
        let outbox_bytes = match carrier {
            Carrier::Own => connect.outbox_bytes,
            Carrier::Package => RELAY_BYTES,
        };
        let master = guard::connect(address, purpose, &ConnectOptions { outbox_bytes, ..connect.clone() }).await?;
        if carrier == Carrier::Own {
            return Ok(master);
        }
        let (package, near) = self.relay(purpose).await.map_err(|why| TransportError::Unreachable {
            address: address.to_string(),
            why: format!("the relay in {}: {why}", self.options.relay_dir.display()),
        })?;
        let (link, end) = Link::in_front_of(&master, connect.outbox_bytes);
        tokio::spawn(carry(end, package, near, master));
        Ok(link)
    }

    /// The package's socket and our end of the private connection to it.
    async fn relay(&self, purpose: Purpose) -> Result<(Package, Link), RelayError> {
        let directory = Private::open(&self.options.relay_dir)?;
        let (listener, path) = directory.listen()?;
        let meet = async {
            tokio::try_join!(Package::connect(purpose, path.address()), async {
                let (stream, _) = listener.accept().await?;
                if stream.peer_cred()?.uid() != rustix::process::geteuid().as_raw() {
                    return Err(RelayError::Stranger);
                }
                let (ours, theirs): (_, &'static [SocketType]) = match purpose {
                    Purpose::Request => (SocketType::Router, &[SocketType::Dealer]),
                    Purpose::Subscribe => (SocketType::Pub, &[SocketType::Sub]),
                };
                let side = Side { ours, theirs, identity: Bytes::new() };
                Ok(handshake::open(Stream::Unix(stream), &side, MAX_MESSAGE, RELAY_TIMEOUT).await?)
            })
        };
        let (package, opened): (Package, Opened) =
            tokio::time::timeout(RELAY_TIMEOUT, meet).await.map_err(|_| RelayError::Timeout)??;
        let (near, end) = Link::new(Peer::Memory("relay".into()), RELAY_BYTES);
        near.tx.trust();
        let stall = self.options.connect.stall_timeout;
        tokio::spawn(connection::run(opened, end, None, stall));
        Ok((package, near))
    }
}

impl Connector for ZmqConnector {
    fn request(&self) -> Boxed<'_, Result<Link, TransportError>> {
        Box::pin(self.open(Purpose::Request))
    }

    fn subscribe(&self) -> Boxed<'_, Result<Link, TransportError>> {
        Box::pin(self.open(Purpose::Subscribe))
    }
}
