//! Accepting: admission, the handshake under its timeout, then the endpoint's own service; one task a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::admission::{Admission, Place, Refusal};
use super::connection::Ended;
use super::handshake::{self, HandshakeError, Opened, Side};
use super::listener::ListenerOptions;
use super::socket::{self, Stream};
use super::stats::{Counters, Stats};
use super::{Boxed, TransportError};

/// Pause after a failed `accept` (no file descriptors left), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often is told of that.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What an endpoint does with its opened connections.
pub(super) trait Served: Send + Sync + 'static {
    /// What it is to its peers.
    fn side(&self) -> &Side;
    /// Largest message at first.
    fn first_limit(&self) -> usize;
    /// Serves one connection to its end.
    fn serve<'a>(&'a self, opened: Opened, peer: SocketAddr, counters: &'a Counters) -> Boxed<'a, ()>;
}

/// A bound endpoint; dropping it stops listening.
pub(super) struct Endpoint {
    address: SocketAddr,
    meter: Meter,
    task: JoinHandle<()>,
}

/// Reads what an endpoint counts, for as long as anybody wants to know.
#[derive(Clone)]
pub struct Meter {
    counters: Arc<Counters>,
    admission: Arc<Admission>,
}

impl Meter {
    /// What it counted since it was bound.
    pub fn stats(&self) -> Stats {
        self.counters.stats()
    }

    /// Connections now, those in their handshake included.
    pub fn open(&self) -> usize {
        self.admission.open()
    }
}

impl Endpoint {
    pub(super) fn bind<S: Served>(
        address: SocketAddr,
        options: ListenerOptions,
        served: Arc<S>,
    ) -> Result<Self, TransportError> {
        let failed =
            |error: std::io::Error| TransportError::Bind { address: address.to_string(), why: error.to_string() };
        let listener = socket::listen(address, &options.keepalive, options.backlog).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let counters = Arc::new(Counters::default());
        let admission = Admission::new(options.max_connections, options.max_per_address);
        let accept = Accept { listener, counters: counters.clone(), admission: admission.clone(), served };
        let task = tokio::spawn(accept.run(options.handshake_timeout));
        Ok(Self { address, meter: Meter { counters, admission }, task })
    }

    pub(super) fn local_addr(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Accept<S> {
    listener: TcpListener,
    counters: Arc<Counters>,
    admission: Arc<Admission>,
    served: Arc<S>,
}

impl<S: Served> Accept<S> {
    async fn run(self, timeout: Duration) {
        let mut told: Option<Instant> = None;
        loop {
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.counters.accept_errors.add();
                    // Whoever opens enough connections causes these: they must not fill the disk.
                    if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                        told = Some(Instant::now());
                        tracing::warn!(%error, "a connection could not be accepted; more may follow");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            match self.admission.admit(peer.ip()) {
                Ok(place) => {
                    tokio::spawn(one(stream, peer, place, self.served.clone(), self.counters.clone(), timeout));
                }
                Err(Refusal::Total) => self.counters.refused_total.add(),
                Err(Refusal::Address) => self.counters.refused_address.add(),
            }
        }
    }
}

async fn one<S: Served>(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    served: Arc<S>,
    counters: Arc<Counters>,
    timeout: Duration,
) {
    // Boxed, so that an idle connection's task does not keep the handshake's room.
    let opened = Box::pin(handshake::open(Stream::Tcp(stream), served.side(), served.first_limit(), timeout)).await;
    match opened {
        Ok(opened) => served.serve(opened, peer, &counters).await,
        Err(error) => {
            match error {
                HandshakeError::Timeout(_) => counters.handshake_timeout.add(),
                HandshakeError::Io(_) | HandshakeError::Zmtp(_) => counters.handshake_failed.add(),
            }
            tracing::debug!(%peer, %error, "handshake failed");
        }
    }
    drop(place);
}

impl Counters {
    /// Counts the end of an accepted connection.
    pub(super) fn ended(&self, ended: &Ended) {
        match ended {
            Ended::Gone(_) | Ended::Closed | Ended::Silent => self.closed.add(),
            Ended::Protocol(_) => self.closed_protocol.add(),
            Ended::Stalled => self.closed_stalled.add(),
        }
    }
}
