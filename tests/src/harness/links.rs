//! A master's two ports in this process, and links to them over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fleet_common::transport::{
    Address, Carrier, ConnectOptions, ConnectorOptions, Link, ListenerOptions, PublishListener, RequestListener,
    ZmqConnector, bind_publisher, bind_request,
};
use tempfile::TempDir;

/// A master's two ports and a way to connect to them.
pub struct Ports {
    /// Where returns come.
    pub request: RequestListener,
    /// Where jobs leave.
    pub publish: Arc<PublishListener>,
    /// Connects as a minion does.
    pub connector: ZmqConnector,
    _relay: TempDir,
}

/// A port that the system chooses.
pub fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// What connects to two ports, with either codec.
pub fn connector(
    request: SocketAddr,
    publish: SocketAddr,
    carrier: Carrier,
    connect: ConnectOptions,
) -> (ZmqConnector, TempDir) {
    let relay = tempfile::tempdir().expect("a directory");
    let address = |address: SocketAddr| Address { host: address.ip().to_string(), port: address.port() };
    let options = ConnectorOptions {
        request: address(request),
        publish: address(publish),
        relay_dir: relay.path().join("relay"),
        connect,
        request_carrier: carrier,
        publish_carrier: carrier,
    };
    (ZmqConnector::new(options), relay)
}

/// Both ports, bound, and what connects to them.
pub async fn ports(carrier: Carrier, options: ListenerOptions) -> Ports {
    let request = bind_request(loopback(), options.clone()).await.expect("bound");
    let publish = bind_publisher(loopback(), options).await.expect("bound");
    let (connector, _relay) = connector(request.local_addr(), publish.local_addr(), carrier, ConnectOptions::default());
    Ports { request, publish, connector, _relay }
}

/// Waits until something holds, 10 s at most.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

/// The next message, within 10 s.
pub async fn next(link: &mut Link) -> Option<Bytes> {
    tokio::time::timeout(Duration::from_secs(10), link.rx.recv()).await.expect("an answer in time")
}
