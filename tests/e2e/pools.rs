//! Each kind of work has a pool of its own: one is stuck, with more waiting than it has places, and all others go on.

use std::fs::{self, File};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use fleet_common::proto::mine::RunnerAsk;
use fleet_common::proto::request::{Reply, Request};
use fleet_common::value::{Map, Value};
use fleet_tests::attack::flood::{Ports, fresh_keys};
use fleet_tests::attack::minion::session;
use fleet_tests::harness::{Finished, Fleet, FleetOptions, program, wait_until};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use serde_json::json;

/// What may be stuck.
#[derive(PartialEq)]
enum Kind {
    Keys,
    Files,
    Pillar,
}

fn scene() -> Fleet {
    let master_config = "peer_run:\n  web1: [pillar.show_pillar]\n".to_owned();
    let mut fleet = Fleet::new(&FleetOptions { master_config, ..FleetOptions::default() });
    let (states, pillar) = (fleet.dir().join("srv/salt"), fleet.dir().join("srv/pillar"));
    fs::write(states.join("small"), "small\n").unwrap();
    fs::write(pillar.join("top.sls"), "base:\n  'quick*': [quick]\n  'slow*': [slow]\n").unwrap();
    fs::write(pillar.join("quick.sls"), "role: quick\n").unwrap();
    let lines = "{% for i in range(1000) %}{% for j in range(100) %}{% endfor %}{% endfor %}\n";
    fs::write(pillar.join("slow.sls"), format!("{}role: slow\n", lines.repeat(20))).unwrap();
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.start_minion("web2", "");
    fleet.accept(&["web1", "web2"]);
    fleet.wait_for(&["web1", "web2"]);
    fleet
}

/// Jobs and returns, files, pillar, runners, new sessions of accepted minions, new keys: whatever is not stuck.
fn all_but(fleet: &mut Fleet, stuck: &Kind) {
    let said = |fleet: &Fleet| fleet.tail("master");
    for _ in 0..3 {
        let ping = fleet.ctl(&["web1", "test.ping", "--out", "json", "--static"]);
        assert_eq!(ping.json(), json!({"web1": true}), "{ping:?}\n{}", said(fleet));
    }
    if *stuck != Kind::Files {
        let file = fleet.ctl(&["web1", "cp.get_file_str", "salt://small", "--out", "json", "--static"]);
        assert_eq!(file.json(), json!({"web1": "small\n"}), "{file:?}");
    }
    if *stuck != Kind::Pillar {
        let pillar = fleet.run(&["pillar.show_pillar", "quick1", "--out", "json"]);
        assert_eq!(pillar.json(), json!({"role": "quick"}), "{pillar:?}");
    }
    let health = fleet.run(&["manage.health", "--out", "json"]);
    assert_eq!(health.json()["minions"]["accepted"], json!(2), "{health:?}");
    fleet.stop("web2", Signal::TERM);
    fleet.restart_minion("web2");
    fleet.wait_for(&["web2"]);
    if *stuck != Kind::Keys {
        fleet.start_minion("new1", "");
        fleet.wait_for_keys(&["new1"]);
    }
}

/// An operator's tool holds the lock of the keys, so that no new key can be written down.
#[test]
fn new_keys_that_can_not_be_written_hold_up_nobody() {
    let mut fleet = scene();
    let lock = File::options().write(true).open(fleet.dir().join("master/etc/salt/pki/master/.keys.lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let ports = Ports::of(&fleet);
    let strangers = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(fresh_keys(ports, 300, 300))
    });
    let refused =
        || fleet.run(&["manage.health", "--out", "json"]).json()["minions"]["refused_too_many_at_once"].as_u64();
    // Sixteen are looked at and 244 wait.
    assert!(wait_until(Duration::from_secs(60), || (refused() >= Some(40)).then_some(())).is_some(), "{:?}", refused());
    all_but(&mut fleet, &Kind::Keys);
    drop(lock);
    strangers.join().expect("nobody was harmed");
    fleet.start_minion("new2", "");
    fleet.wait_for_keys(&["new2"]);
}

/// Files so long that no checksum of them ends while this runs; more are asked for than are read at once.
#[test]
fn files_without_end_hold_up_nobody() {
    let mut fleet = scene();
    for number in 0..12 {
        let file = File::create(fleet.dir().join(format!("srv/salt/endless{number}"))).unwrap();
        file.set_len(8 << 40).unwrap();
        let asked = fleet.ctl(&["--async", "web1", "cp.hash_file", &format!("salt://endless{number}")]);
        assert_eq!(asked.status, 0, "{asked:?}");
    }
    all_but(&mut fleet, &Kind::Files);
    let open = fleet.run(&["manage.health", "--out", "json"]).json()["jobs"]["open"].as_u64();
    assert!(open >= Some(12), "{open:?}");
}

/// Pillar that takes long, asked for again and again by more than are compiled at once.
#[test]
fn pillar_that_takes_long_holds_up_nobody() {
    let mut fleet = scene();
    let (over, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let config = fleet.master_config_dir();
    thread::scope(|scope| {
        for number in 0..24 {
            let (over, done, config) = (&over, &done, &config);
            scope.spawn(move || {
                for round in 0.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    // Another id each time: what was compiled is kept.
                    let id = format!("slow{number}-{round}");
                    let mut command = Command::new(program("saltrun"));
                    command.arg("-c").arg(config).args(["pillar.show_pillar", &id, "--out", "json"]);
                    let answer = Finished::of(&mut command);
                    assert_eq!(answer.json(), json!({"role": "slow"}), "{answer:?}");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _ends = Ends(&over);
        assert!(wait_until(Duration::from_secs(60), || (done.load(Ordering::Relaxed) > 1).then_some(())).is_some());
        all_but(&mut fleet, &Kind::Pillar);
    });
}

/// One minion asks for more slow runners than it may have at once: some run, the others are refused and counted.
#[test]
fn runners_that_one_minion_asks_for_hold_up_nobody() {
    let mut fleet = scene();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (client, _dir) = runtime.block_on(session(&fleet, "web1"));
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (client, arg) = (client.clone(), vec![Value::from(format!("slow{number}"))]);
        let ask = RunnerAsk { fun: "pillar.show_pillar".to_owned(), arg, kwarg: Map::new() };
        asked.spawn_on(async move { client.call(Request::Runner(ask)).await }, runtime.handle());
    }
    all_but(&mut fleet, &Kind::Pillar);
    let replies = runtime.block_on(asked.join_all());
    let (ran, refused): (Vec<_>, Vec<_>) =
        replies.into_iter().map(Result::unwrap).partition(|reply| matches!(reply, Reply::Data { .. }));
    assert!(!ran.is_empty() && !refused.is_empty(), "{} ran, refused: {refused:?}", ran.len());
    let health = fleet.run(&["manage.health", "--out", "json"]).json();
    assert_eq!(health["refused"]["runners_busy"].as_u64(), Some(refused.len() as u64), "{refused:?}");
}

/// Says that it is over, however this ends.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
