//! Hostile peers against a running master: it stays up, its memory bounded, and the accepted minion is served meanwhile.

use std::future::Future;
use std::thread;
use std::time::Duration;

use fleet_tests::attack::flood::{self, Ports};
use fleet_tests::harness::raw::{good, opened, resident_of};
use fleet_tests::harness::{Fleet, FleetOptions, wait_until};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::one;

/// MiB a master may grow by while attacked.
const GROWTH: u64 = 96;

/// What a ping may take under attack: two seconds, or on a busy machine as many times what it takes without.
fn patience(fleet: &Fleet) -> Duration {
    let slowest = (0..3).map(|_| fleet.ctl(&["web1", "test.ping", "-t", "60"]).took).max();
    Duration::from_secs(2).max(slowest.unwrap_or_default() * 10)
}

/// Attacks a master while its minion is pinged: each ping soon, memory bounded, the same process afterwards.
fn attacked<T, F: Future<Output = T>>(fleet: &Fleet, attack: impl FnOnce(Ports) -> F + Send + 'static) {
    let (pid, ports) = (fleet.pid("master"), Ports::of(fleet));
    let patience = patience(fleet);
    let before = resident_of(pid);
    let attacker = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let _ = runtime.expect("a runtime").block_on(attack(ports));
    });
    let (mut highest, mut pings, mut slowest) = (before, 0, Duration::ZERO);
    let mut over = false;
    while !over {
        // Once more after the end.
        over = attacker.is_finished();
        let ping = fleet.ctl(&["web1", "test.ping", "-t", "60", "--out", "json", "--static"]);
        assert_eq!(ping.json(), json!({"web1": true}), "{ping:?}\n{}", fleet.log("master"));
        assert!(ping.took < patience, "a ping took {:?}", ping.took);
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
    attacked(&one(), flood::giant_frames);
}

#[test]
fn garbage_truncated_and_endless_messages() {
    let fleet = one();
    attacked(&fleet, |ports| flood::garbage(ports, 400));
    let health = health(&fleet);
    for port in ["requests", "publications"] {
        let count = |name: &str| health[port][name].as_u64();
        assert!(count("handshake_failed") > Some(0) && count("closed_protocol") > Some(0), "{health}");
    }
}

fn health(fleet: &Fleet) -> serde_json::Value {
    fleet.run(&["manage.health", "--out", "json"]).json()
}

/// Connections that say nothing, at every stage there is, in numbers above all pools of places; a minion that comes
/// in the middle of it must still find in.
#[test]
fn silence_at_every_stage() {
    let mut fleet = one();
    fleet.stop("web1", rustix::process::Signal::TERM);
    let ports = Ports::of(&fleet);
    let (tell, told) = std::sync::mpsc::channel();
    let (end, over) = tokio::sync::oneshot::channel::<()>();
    let silent = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let _kept = flood::silence(ports, 2000).await;
            tell.send(()).unwrap();
            // At least as long as one of them is held before it counts as slow.
            tokio::time::sleep(Duration::from_secs(6)).await;
            let _ = over.await;
        });
    });
    told.recv().unwrap();
    fleet.restart_minion("web1");
    fleet.wait_for(&["web1"]);
    assert!(resident_of(fleet.pid("master")) < 200, "{} MiB", resident_of(fleet.pid("master")));
    drop(end);
    silent.join().unwrap();
    let slow =
        wait_until(Duration::from_secs(20), || (health(&fleet)["handshakes"]["slow"].as_u64() > Some(0)).then_some(()));
    assert!(slow.is_some(), "{}", health(&fleet));
}

#[test]
fn others_identities_and_endless_subscriptions() {
    attacked(&one(), flood::identities_and_subscriptions);
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
    let (long, patience) = ("x".repeat(60_000), patience(&fleet));
    for number in 0..150 {
        let sent = fleet.ctl(&["web1", "test.ping", &format!("number={number}"), &format!("long={long}")]);
        assert!(sent.took < patience, "{:?}", sent.took);
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
    attacked(&fleet, async |ports| assert_eq!(flood::fresh_keys(ports, 400, 16).await, 400));
    let keys = fleet.key(&["-L", "--out", "json"]).json();
    assert_eq!(keys["minions_pre"].as_array().map(Vec::len), Some(100), "{keys}");
    assert_eq!(keys["minions"], json!(["web1"]));
    let health = health(&fleet);
    assert_eq!((&health["minions"]["pending"], &health["minions"]["connected"]), (&json!(100), &json!(1)), "{health}");
    let refused = ["refused_too_many_pending", "refused_too_many_at_once"].map(|name| health["minions"][name].as_u64());
    assert_eq!(refused[0].zip(refused[1]).map(|(full, busy)| full + busy), Some(300), "{health}");
    // Anybody can cause these lines: they must not fill the disk.
    let said = fleet.log("master").matches("too many keys wait").count();
    assert!((1..20).contains(&said), "said {said} times");
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
    assert!(health(&fleet)["refused"]["second_daemons"].as_u64() > Some(0), "{}", health(&fleet));
    let pid = fleet.ctl(&["web1", "test.ping", "--out", "json", "--static"]);
    assert_eq!(pid.json(), json!({"web1": true}));
    assert!(!fleet.log("master").contains("a newer session took its place"), "{}", fleet.log("master"));
    // The first is gone without a word: the second takes its place.
    fleet.stop("web1", rustix::process::Signal::KILL);
    fleet.wait_for(&["web1"]);
    assert!(fleet.log("twin").contains("connected to the master"), "{}", fleet.log("twin"));
}
