//! The master's own guarded endpoint, request side: what a ROUTER is to DEALER and REQ peers.
//!
//! Every connection is a [`Link`] of its own; a peer's socket identity is read and forgotten, so nobody can take over
//! another's place by naming it. Of a message of several parts the last counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::accept::{Endpoint, Meter, Served};
use super::connection;
use super::handshake::{Opened, Side};
use super::socket::KeepAlive;
use super::stats::{Counters, Stats};
use super::zmtp::SocketType;
use super::{Boxed, Link, Listener, MAX_UNKNOWN_MESSAGE, Peer, TransportError};

/// Opened connections that may wait to be taken.
const WAITING: usize = 1024;

/// Limits of one listening endpoint.
#[derive(Debug, Clone)]
pub struct ListenerOptions {
    /// Time for greeting and READY.
    pub handshake_timeout: Duration,
    /// Connections in all.
    pub max_connections: usize,
    /// Connections from one address (one IPv6 /64).
    pub max_per_address: usize,
    /// Bytes that may wait for one peer.
    pub outbox_bytes: usize,
    /// How long a peer may take nothing of what waits for it.
    pub stall_timeout: Duration,
    /// Subscriptions of one subscriber, in number.
    pub max_subscriptions: usize,
    /// And in bytes.
    pub max_subscription_bytes: usize,
    /// Connections the kernel may hold before they are accepted.
    pub backlog: u32,
    /// TCP keepalive.
    pub keepalive: KeepAlive,
}

impl Default for ListenerOptions {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            max_connections: 20_000,
            max_per_address: 10_000,
            outbox_bytes: 1024 * 1024,
            stall_timeout: Duration::from_secs(30),
            max_subscriptions: 64,
            max_subscription_bytes: 4 * 1024,
            backlog: 4096,
            keepalive: KeepAlive::default(),
        }
    }
}

/// The request endpoint. Dropping it stops listening; links that were taken live on.
pub struct RequestListener {
    links: mpsc::Receiver<Link>,
    endpoint: Endpoint,
}

/// Binds the request endpoint; a port of 0 picks a free one.
pub async fn bind_request(address: SocketAddr, options: ListenerOptions) -> Result<RequestListener, TransportError> {
    let (taken, links) = mpsc::channel(WAITING);
    let served = Requests {
        taken,
        outbox_bytes: options.outbox_bytes,
        stall: options.stall_timeout,
        side: Side {
            ours: SocketType::Router,
            theirs: &[SocketType::Dealer, SocketType::Req],
            identity: bytes::Bytes::new(),
        },
    };
    Ok(RequestListener { links, endpoint: Endpoint::bind(address, options, Arc::new(served))? })
}

impl RequestListener {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    /// A handle on what it counts.
    pub fn meter(&self) -> Meter {
        self.endpoint.meter().clone()
    }

    /// What it counted.
    pub fn stats(&self) -> Stats {
        self.endpoint.meter().stats()
    }

    /// Connections now, those in their handshake included.
    pub fn open(&self) -> usize {
        self.endpoint.meter().open()
    }
}

impl Listener for RequestListener {
    fn accept(&mut self) -> Boxed<'_, Option<Link>> {
        Box::pin(self.links.recv())
    }
}

struct Requests {
    taken: mpsc::Sender<Link>,
    outbox_bytes: usize,
    stall: Duration,
    side: Side,
}

impl Served for Requests {
    fn side(&self) -> &Side {
        &self.side
    }

    fn first_limit(&self) -> usize {
        MAX_UNKNOWN_MESSAGE
    }

    fn serve<'a>(&'a self, opened: Opened, peer: SocketAddr, counters: &'a Counters) -> Boxed<'a, ()> {
        Box::pin(async move {
            let (link, end) = Link::new(Peer::Network(peer.ip().to_canonical(), peer.port()), self.outbox_bytes);
            if self.taken.try_send(link).is_err() {
                counters.refused_busy.add();
                return;
            }
            counters.accepted.add();
            let ended = connection::run(opened, end, None, self.stall).await;
            tracing::debug!(%peer, reason = %ended, "request connection ended");
            counters.ended(&ended);
        })
    }
}
