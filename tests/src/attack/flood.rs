//! Strangers at a master's two ports: giant frames, garbage, silence, subscriptions, and more keys than anybody accepts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fleet_common::channel::request::{ClientConfig, open};
use fleet_common::crypto::handshake::Initiator;
use fleet_common::crypto::keys::Identity;
use fleet_common::crypto::trust::Trust;
use fleet_common::proto::request::{KeyState, Role};
use fleet_common::transport::{Carrier, ConnectOptions, Connector};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::harness::Fleet;
use crate::harness::links::connector;
use crate::harness::raw::{closed, frame, good, greet, greeting, opened, ready};

/// The ports of a master.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// Where returns come.
    pub request: SocketAddr,
    /// Where jobs leave.
    pub publish: SocketAddr,
}

impl Ports {
    /// Of a fleet's master.
    pub fn of(fleet: &Fleet) -> Self {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self { request: at(fleet.request_port), publish: at(fleet.publish_port) }
    }

    /// With the sockets that belong there.
    pub fn both(self) -> [(SocketAddr, &'static str); 2] {
        [(self.request, "DEALER"), (self.publish, "SUB")]
    }
}

/// The first message of a good handshake: whoever sends only this costs the master a key agreement.
pub fn first_words() -> Vec<u8> {
    Initiator::start(&Identity::generate()).1
}

async fn connected(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("the master listens")
}

/// Frames that claim to be longer than anything, at every stage; how many.
pub async fn giant_frames(ports: Ports) -> usize {
    let mut count = 0;
    for claim in [u64::MAX, 1 << 63, 1 << 40, 1 << 36, 1 << 34, 1 << 20] {
        for (address, socket) in ports.both() {
            for flags in [0, 1, 4] {
                let mut early = connected(address).await;
                greet(&mut early).await;
                early.write_all(&frame(flags, claim, b"x")).await.expect("open");
                closed(&mut early).await;
                let mut late = opened(address, socket, b"").await;
                late.write_all(&frame(flags, claim, b"x")).await.expect("open");
                closed(&mut late).await;
                count += 2;
            }
        }
    }
    count
}

/// Random bytes, good frames around what is no handshake, messages that end in the middle, and two that never end.
pub async fn garbage(ports: Ports, count: usize) -> usize {
    let rng = &mut SmallRng::seed_from_u64(7);
    for number in 0..count {
        let (address, socket) = ports.both()[number % 2];
        let mut garbage = vec![0; rng.random_range(1..20_000)];
        rng.fill(&mut garbage[..]);
        let mut stream = if number % 3 == 0 { connected(address).await } else { opened(address, socket, b"").await };
        // A good frame around what is no handshake, or nothing good at all; then gone in the middle of a frame.
        let bytes = if number % 4 == 0 { good(0, &garbage[..garbage.len().min(4000)]) } else { garbage };
        let _ = stream.write_all(&bytes).await;
        let _ = stream.write_all(&frame(0, 4000, b"only this")).await;
    }
    for (address, socket) in ports.both() {
        let mut endless = opened(address, socket, b"").await;
        let parts = good(1, &[7; 200]).repeat(100);
        for _ in 0..500 {
            if endless.write_all(&parts).await.is_err() {
                break;
            }
        }
    }
    count + 2
}

/// Connections that say nothing, at every stage there is; they last as long as what is given back.
pub async fn silence(ports: Ports, count: usize) -> Vec<TcpStream> {
    let mut kept = Vec::with_capacity(count);
    for number in 0..count {
        let (address, socket) = ports.both()[number % 2];
        let stage = number / 2 % 5;
        kept.push(if stage < 3 {
            let mut stream = connected(address).await;
            stream.write_all(&greeting()[..[0, 30, 64][stage]]).await.expect("open");
            stream
        } else {
            let mut stream = opened(address, socket, b"web1").await;
            if stage == 4 && socket == "DEALER" {
                stream.write_all(&good(0, &first_words())).await.expect("open");
            }
            stream
        });
    }
    kept
}

/// Names of others for a socket, one that is too long, and subscriptions without end.
pub async fn identities_and_subscriptions(ports: Ports) -> usize {
    let mut kept = Vec::new();
    for identity in [&b"web1"[..], b"", &[0; 255], b"../../etc/passwd"] {
        for (address, socket) in ports.both() {
            for _ in 0..20 {
                let mut stream = opened(address, socket, identity).await;
                let _ = stream.write_all(&good(0, b"\x01")).await;
                kept.push(stream);
            }
        }
    }
    let mut long = connected(ports.request).await;
    greet(&mut long).await;
    long.write_all(&ready("DEALER", &[1; 3000])).await.expect("open");
    closed(&mut long).await;
    let mut greedy = opened(ports.publish, "SUB", b"").await;
    for number in 0..20_000u16 {
        if greedy.write_all(&good(0, &[&[1][..], &number.to_be_bytes()].concat())).await.is_err() {
            break;
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    kept.len() + 2
}

/// Opens so many sessions under fresh names with fresh keys, some at the same time; tells how many heard that they wait.
pub async fn fresh_keys(ports: Ports, count: usize, at_once: usize) -> usize {
    let (connector, dir) = connector(ports.request, ports.publish, Carrier::Own, ConnectOptions::default());
    let connector = Arc::new(connector);
    let mut under_way = JoinSet::new();
    let mut waiting = 0;
    for number in 0..count {
        if under_way.len() == at_once {
            waiting += usize::from(matches!(under_way.join_next().await, Some(Ok(true))));
        }
        let id = format!("{number:03}-{}", "x".repeat(if number < 50 { 251 } else { 10 }));
        let config = ClientConfig {
            identity: Arc::new(Identity::generate()),
            id: id.parse().expect("it is an id"),
            role: Role::Minion,
            trust: Trust::new(dir.path().join(format!("{number}.pub")), None),
            enrolment: Default::default(),
            grains_hash: [0; 32],
        };
        let connector = connector.clone();
        under_way.spawn(async move {
            let Ok(link) = connector.request().await else { return false };
            open(link, &config).await.is_ok_and(|(welcome, _client)| welcome.state == KeyState::Pending)
        });
    }
    while let Some(done) = under_way.join_next().await {
        waiting += usize::from(matches!(done, Ok(true)));
    }
    waiting
}
