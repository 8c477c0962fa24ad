//! Hostile peers against a running master: it stays up, its memory bounded, and the accepted minion is served meanwhile.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use fleet_common::channel::request::{ClientConfig, open};
use fleet_common::crypto::keys::Identity;
use fleet_common::crypto::trust::Trust;
use fleet_common::ids::MinionId;
use fleet_common::proto::request::{KeyState, Role};
use fleet_common::transport::{Address, Carrier, ConnectOptions, Connector, ConnectorOptions, ZmqConnector};
use fleet_tests::harness::raw::{closed, frame, good, greet, greeting, opened, ready, resident_of};
use fleet_tests::harness::{Fleet, FleetOptions, wait_until};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::one;

/// MiB a master may grow by while attacked.
const GROWTH: u64 = 96;

/// The ports of a master.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    request: SocketAddr,
    publish: SocketAddr,
}

impl Ports {
    pub(super) fn of(fleet: &Fleet) -> Self {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self { request: at(fleet.request_port), publish: at(fleet.publish_port) }
    }

    fn both(self) -> [(SocketAddr, &'static str); 2] {
        [(self.request, "DEALER"), (self.publish, "SUB")]
    }
}

/// Attacks a master while its minion is pinged: each ping within 2 s, memory bounded, the same process afterwards.
fn attacked<F: Future<Output = ()>>(fleet: &Fleet, attack: impl FnOnce(Ports) -> F + Send + 'static) {
    let (pid, ports) = (fleet.pid("master"), Ports::of(fleet));
    let before = resident_of(pid);
    let attacker = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(attack(ports));
    });
    let (mut highest, mut pings, mut slowest) = (before, 0, Duration::ZERO);
    let mut over = false;
    while !over {
        // Once more after the end.
        over = attacker.is_finished();
        let ping = fleet.ctl(&["web1", "test.ping", "-t", "5", "--out", "json", "--static"]);
        assert_eq!(ping.json(), json!({"web1": true}), "{ping:?}\n{}", fleet.log("master"));
        assert!(ping.took < Duration::from_secs(2), "a ping took {:?}", ping.took);
        highest = highest.max(resident_of(pid));
        slowest = slowest.max(ping.took);
        pings += 1;
    }
    attacker.join().expect("the attack went as meant");
    println!("{before} -> {highest} MiB, {pings} pings, the slowest {slowest:?}");
    assert!(highest < before + GROWTH, "{before} -> {highest} MiB");
    assert_eq!(fleet.pid("master"), pid);
    assert!(!fleet.log("master").contains("panicked"), "{}", fleet.log("master"));
}

#[test]
fn giant_frames() {
    attacked(&one(), async |ports: Ports| {
        for claim in [u64::MAX, 1 << 63, 1 << 40, 1 << 36, 1 << 34, 1 << 20] {
            for (address, socket) in ports.both() {
                for flags in [0, 1, 4] {
                    let mut early = TcpStream::connect(address).await.unwrap();
                    greet(&mut early).await;
                    early.write_all(&frame(flags, claim, b"x")).await.unwrap();
                    closed(&mut early).await;
                    let mut late = opened(address, socket, b"").await;
                    late.write_all(&frame(flags, claim, b"x")).await.unwrap();
                    closed(&mut late).await;
                }
            }
        }
    });
}

#[test]
fn garbage_truncated_and_endless_messages() {
    attacked(&one(), async |ports: Ports| {
        let rng = &mut SmallRng::seed_from_u64(7);
        for number in 0..400 {
            let (address, socket) = ports.both()[number % 2];
            let mut garbage = vec![0; rng.random_range(1..20_000)];
            rng.fill(&mut garbage[..]);
            let mut stream = if number % 3 == 0 {
                TcpStream::connect(address).await.unwrap()
            } else {
                opened(address, socket, b"").await
            };
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
    });
}

/// Connections that say nothing, at every stage there is, in numbers above all pools of places; a minion that comes
/// in the middle of it must still find in.
#[test]
fn silence_at_every_stage() {
    let mut fleet = one();
    fleet.stop("web1", rustix::process::Signal::TERM);
    let ports = Ports::of(&fleet);
    let (tell, told) = std::sync::mpsc::channel();
    let silent = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let mut kept = Vec::new();
            for number in 0..2000usize {
                let (address, socket) = ports.both()[number % 2];
                let stage = number / 2 % 5;
                kept.push(if stage < 3 {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    stream.write_all(&greeting()[..[0, 30, 64][stage]]).await.unwrap();
                    stream
                } else {
                    let mut stream = opened(address, socket, b"web1").await;
                    if stage == 4 && socket == "DEALER" {
                        stream.write_all(&good(0, &first_words())).await.unwrap();
                    }
                    stream
                });
            }
            tell.send(()).unwrap();
            tokio::time::sleep(Duration::from_secs(6)).await;
        });
    });
    told.recv().unwrap();
    let start = Instant::now();
    fleet.restart_minion("web1");
    fleet.wait_for(&["web1"]);
    assert!(start.elapsed() < Duration::from_secs(5), "a new session took {:?}", start.elapsed());
    assert!(resident_of(fleet.pid("master")) < 200, "{} MiB", resident_of(fleet.pid("master")));
    silent.join().unwrap();
}

/// The first message of a good handshake: whoever sends only this costs the master a key agreement.
fn first_words() -> Vec<u8> {
    fleet_common::crypto::handshake::Initiator::start(&Identity::generate()).1
}

#[test]
fn others_identities_and_endless_subscriptions() {
    attacked(&one(), async |ports: Ports| {
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
        let mut long = TcpStream::connect(ports.request).await.unwrap();
        greet(&mut long).await;
        long.write_all(&ready("DEALER", &[1; 3000])).await.unwrap();
        closed(&mut long).await;
        let mut greedy = opened(ports.publish, "SUB", b"").await;
        for number in 0..20_000u16 {
            if greedy.write_all(&good(0, &[&[1][..], &number.to_be_bytes()].concat())).await.is_err() {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    });
}

#[test]
fn a_subscriber_that_does_not_read() {
    let fleet = one();
    let ports = Ports::of(&fleet);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let stuck = runtime.block_on(async {
        let mut stuck = Vec::new();
        for _ in 0..50 {
            let mut stream = opened(ports.publish, "SUB", b"").await;
            stream.write_all(&good(0, b"\x01")).await.unwrap();
            stuck.push(stream);
        }
        stuck
    });
    let before = resident_of(fleet.pid("master"));
    let long = "x".repeat(60_000);
    for number in 0..150 {
        let sent = fleet.ctl(&["web1", "test.ping", &format!("number={number}"), &format!("long={long}")]);
        assert!(sent.took < Duration::from_secs(2), "{:?}", sent.took);
    }
    let after = resident_of(fleet.pid("master"));
    println!("{before} -> {after} MiB with 9 MiB published to 50 that did not read");
    assert!(after < before + GROWTH, "{before} -> {after} MiB");
    assert_eq!(fleet.ctl(&["web1", "test.ping"]).status, 0);
    drop(stuck);
}

#[test]
fn a_flood_of_fresh_keys() {
    let options = FleetOptions { master_config: "max_pending_keys: 100".to_owned(), ..FleetOptions::default() };
    let mut fleet = Fleet::new(&options);
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    let dir = fleet.dir().join("flood");
    attacked(&fleet, async move |ports| assert_eq!(flood(ports, dir, 400, 16).await, 400));
    let keys = fleet.key(&["-L", "--out", "json"]).json();
    assert_eq!(keys["minions_pre"].as_array().map(Vec::len), Some(100), "{keys}");
    assert_eq!(keys["minions"], json!(["web1"]));
    let health = fleet.run(&["manage.health", "--out", "json"]).json();
    assert_eq!((&health["minions"]["pending"], &health["minions"]["connected"]), (&json!(100), &json!(1)), "{health}");
    let refused = ["refused_too_many_pending", "refused_too_many_at_once"].map(|name| health["minions"][name].as_u64());
    assert_eq!(refused[0].zip(refused[1]).map(|(full, busy)| full + busy), Some(300), "{health}");
    // Anybody can cause these lines: they must not fill the disk.
    let said = fleet.log("master").matches("too many keys wait").count();
    assert!((1..20).contains(&said), "said {said} times");
}

/// Opens so many sessions under fresh names with fresh keys, some at the same time; tells how many heard that they wait.
pub(super) async fn flood(ports: Ports, dir: std::path::PathBuf, count: usize, at_once: usize) -> usize {
    let address = |at: SocketAddr| Address { host: at.ip().to_string(), port: at.port() };
    let connector = Arc::new(ZmqConnector::new(ConnectorOptions {
        request: address(ports.request),
        publish: address(ports.publish),
        relay_dir: dir.join("relay"),
        connect: ConnectOptions::default(),
        request_carrier: Carrier::Own,
        publish_carrier: Carrier::Own,
    }));
    let mut under_way = tokio::task::JoinSet::new();
    let mut waiting = 0;
    for number in 0..count {
        if under_way.len() == at_once {
            waiting += usize::from(under_way.join_next().await.unwrap().unwrap());
        }
        let config = ClientConfig {
            identity: Arc::new(Identity::generate()),
            id: format!("{number:03}-{}", "x".repeat(if number < 50 { 251 } else { 10 })).parse::<MinionId>().unwrap(),
            role: Role::Minion,
            trust: Trust::new(dir.join(format!("{number}.pub")), None),
            enrolment: Default::default(),
            grains_hash: [0; 32],
        };
        let connector = connector.clone();
        under_way.spawn(async move {
            let link = connector.request().await.unwrap();
            open(link, &config).await.is_ok_and(|(welcome, _client)| welcome.state == KeyState::Pending)
        });
    }
    while let Some(done) = under_way.join_next().await {
        waiting += usize::from(done.unwrap());
    }
    waiting
}

#[test]
fn a_second_daemon_with_the_same_key_is_refused_while_the_first_answers() {
    let mut fleet = one();
    let config = fleet.dir().join("etc-minions/twin");
    let root = fleet.dir().join("twin");
    std::fs::create_dir_all(&config).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(fleet.minion_root("web1")).arg(&root).status();
    assert!(copied.unwrap().success());
    let text = std::fs::read_to_string(fleet.minion_config_dir("web1").join("minion")).unwrap();
    let text = text.replace(&fleet.minion_root("web1").display().to_string(), &root.display().to_string());
    std::fs::write(config.join("minion"), text).unwrap();
    fleet.restart_minion("twin");
    let refused = wait_until(Duration::from_secs(10), || {
        let said = fleet.log("master").contains("another daemon with this key answers");
        let heard = fleet.log("twin").contains("another daemon with this key is connected from 127.0.0.1");
        (said && heard).then_some(())
    });
    assert!(refused.is_some(), "{}\n{}", fleet.log("master"), fleet.log("twin"));
    let pid = fleet.ctl(&["web1", "test.ping", "--out", "json", "--static"]);
    assert_eq!(pid.json(), json!({"web1": true}));
    assert!(!fleet.log("master").contains("a newer session took its place"), "{}", fleet.log("master"));
    // The first is gone without a word: the second takes its place.
    fleet.stop("web1", rustix::process::Signal::KILL);
    fleet.wait_for(&["web1"]);
    assert!(fleet.log("twin").contains("connected to the master"), "{}", fleet.log("twin"));
}
