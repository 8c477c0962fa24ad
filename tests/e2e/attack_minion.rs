//! Somebody in the master's place, or between it and the minion: nothing forged runs, nothing runs twice, the minion
//! and `saltcall` stay up and recover.

use std::thread;
use std::time::{Duration, Instant};

use fleet_tests::attack::between::{Between, Hostile, find, forged, point_at};
use fleet_tests::attack::network::hostile_answers;
use fleet_tests::harness::proxy::Policy;
use fleet_tests::harness::raw::{good, resident_of};
use fleet_tests::harness::{Fleet, FleetOptions, wait_until};
use rustix::process::Signal;
use serde_json::json;

#[test]
fn captured_publications_run_once() {
    let between = Between::new();
    for word in ["one", "two", "three"] {
        assert_eq!(between.append("web1", word).status, 0);
    }
    let recorded = between.publish.recorded();
    assert!(recorded.len() >= 3, "{} publications", recorded.len());
    let attacks = forged(&recorded);
    for attack in &attacks {
        between.publish.inject(attack);
    }
    assert_eq!(between.append("web1", "four").status, 0);
    // Restarted, the minion has forgotten the counter; its journal and the new session have not.
    let mut between = between;
    between.fleet.stop("web1", Signal::KILL);
    between.fleet.restart_minion("web1");
    between.fleet.wait_for(&["web1"]);
    for attack in &attacks {
        between.publish.inject(attack);
    }
    assert_eq!(between.append("web1", "five").status, 0);
    assert_eq!(between.ran(), ["one", "two", "three", "four", "five"]);
}

#[test]
fn doubled_corrupted_swapped_and_dropped_publications_lose_and_double_nothing() {
    let between = Between::new();
    let pid = between.fleet.pid("web1");
    for (policy, word) in [(Policy::Twice, "twice"), (Policy::Pass, "pass")] {
        between.publish.set(policy);
        assert_eq!(between.append("web1", word).status, 0, "{policy:?}");
    }
    // Changed, dropped and held back ones are noticed by the next that passes, or by a beat: then the job is asked for.
    for (policy, word) in [(Policy::Corrupt, "corrupt"), (Policy::Swap, "swap"), (Policy::Drop, "drop")] {
        between.publish.set(policy);
        let fleet = &between.fleet;
        let line = format!("echo {word} >> {}", between.ran_file().display());
        assert_eq!(fleet.ctl(&["web1", "--async", "cmd.run", &line]).status, 0);
        if policy == Policy::Corrupt {
            thread::sleep(Duration::from_millis(100));
            between.publish.set(Policy::Pass);
        }
        let ping = fleet.ctl(&["web1", "test.ping", "-t", "20", "--out", "json", "--static"]);
        assert_eq!(ping.json(), json!({"web1": true}), "{policy:?} {}", fleet.log("web1"));
        let ran = wait_until(Duration::from_secs(15), || between.ran().contains(&word.to_owned()).then_some(()));
        assert!(ran.is_some(), "{policy:?}\n{}", fleet.log("web1"));
    }
    between.publish.set(Policy::Pass);
    for whole in between.publish.recorded() {
        between.publish.inject(&whole);
    }
    assert_eq!(between.append("web1", "end").status, 0);
    let mut ran = between.ran();
    ran.sort();
    assert_eq!(ran, ["corrupt", "drop", "end", "pass", "swap", "twice"]);
    assert_eq!(between.fleet.pid("web1"), pid);
}

/// A session's records are in an order that nobody else can write: any change ends the session, and it is made anew.
#[test]
fn a_changed_session_is_made_anew() {
    let between = Between::new();
    for policy in [Policy::Corrupt, Policy::Twice, Policy::Swap, Policy::Drop] {
        between.request.set(policy);
        let line = format!("echo {policy:?} >> {}", between.ran_file().display());
        // The session may have ended before the job is made: only with a time to live it is owed all the same.
        let made = between.fleet.ctl(&["web1", "--async", "--ttl", "10m", "cmd.run", &line]);
        assert_eq!(made.status, 0, "{made:?}");
        thread::sleep(Duration::from_millis(300));
        between.request.inject(&good(0, b"a record of somebody else"));
        thread::sleep(Duration::from_millis(300));
        between.request.set(Policy::Pass);
        between.request.cut();
        between.fleet.wait_for(&["web1"]);
        // Jobs run beside each other: only one that is over is before the next.
        let ran =
            wait_until(Duration::from_secs(60), || (between.ran().contains(&format!("{policy:?}"))).then_some(()));
        assert!(ran.is_some(), "{policy:?}: {:?}\n{}", between.ran(), between.fleet.log("web1"));
    }
    thread::sleep(Duration::from_millis(500));
    assert_eq!(between.ran(), ["Corrupt", "Twice", "Swap", "Drop"]);
}

#[test]
fn a_hostile_master_ends_neither_minion_nor_saltcall() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    let (request, publish) = (fleet.request_port, fleet.publish_port);
    fleet.stop("web1", Signal::TERM);
    for attack in hostile_answers() {
        for open_as in [None, Some("ROUTER")] {
            let hostile = Hostile::new(open_as, attack.clone());
            point_at(&fleet, "web1", hostile.port, hostile.port);
            // No daemon runs: a session of its own.
            let call = fleet.call("web1", &["test.ping"]);
            assert_ne!(call.status, 0, "{call:?}");
            assert!(call.status > 0 && call.status < 128, "ended by a signal: {call:?}");
            assert!(call.stderr.starts_with("saltcall: "), "{call:?}");
            fleet.restart_minion("web1");
            let tried = wait_until(Duration::from_secs(10), || (hostile.connections() >= 2).then_some(()));
            assert!(tried.is_some(), "{}", fleet.log("web1"));
            let resident = resident_of(fleet.pid("web1"));
            assert!(resident < 150, "{resident} MiB");
            fleet.stop("web1", Signal::TERM);
        }
    }
    point_at(&fleet, "web1", request, publish);
    fleet.restart_minion("web1");
    fleet.wait_for(&["web1"]);
    assert!(!fleet.log("web1").contains("panicked"), "{}", fleet.log("web1"));
}

/// A daemon that has no master answers a call that needs none.
#[test]
fn a_call_through_a_daemon_without_a_master_does_not_hang() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    let silent = Hostile::new(None, Vec::new());
    fleet.start_minion("web1", "");
    fleet.stop("web1", Signal::KILL);
    point_at(&fleet, "web1", silent.port, silent.port);
    fleet.restart_minion("web1");
    let socket = fleet.minion_root("web1").join("var/run/salt/minion/minion.sock");
    assert!(wait_until(Duration::from_secs(10), || socket.exists().then_some(())).is_some(), "{}", fleet.log("web1"));
    let call = fleet.call("web1", &["test.ping", "--out", "json"]);
    assert_eq!((call.status, call.json()), (0, json!({"local": true})), "{call:?}");
    assert!(call.took < Duration::from_secs(20), "{call:?}");
}

/// A master that accepts connections and says nothing: `saltcall` gives up and says why.
#[test]
fn a_silent_master_is_given_up() {
    let fleet = Fleet::new(&FleetOptions::default());
    let silent = Hostile::new(None, Vec::new());
    let config = fleet.minion_config_dir("web1");
    std::fs::create_dir_all(&config).unwrap();
    let root = fleet.minion_root("web1");
    let port = silent.port;
    let text = format!(
        "id: web1\nmaster: 127.0.0.1\nmaster_port: {port}\npublish_port: {port}\nroot_dir: {}\n",
        root.display()
    );
    std::fs::write(config.join("minion"), text).unwrap();
    let start = Instant::now();
    let call = fleet.call("web1", &["test.ping"]);
    assert!(call.status > 0, "{call:?}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert!(call.stderr.starts_with("saltcall: "), "{call:?}");
}

/// Another master on the ports of the one that was pinned: nothing is told to it, and both keys are named.
#[test]
fn another_master_is_not_believed() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    let pinned = std::fs::read_to_string(find(&fleet.minion_root("web1"), "minion_master.pub")).unwrap();
    let ours = fleet_common::crypto::keys::PublicKey::from_pem(&pinned).unwrap().fingerprint().to_string();
    fleet.stop("web1", Signal::TERM);
    let mut other = Fleet::new(&FleetOptions { master_config: "auto_accept: True".to_owned(), ..Default::default() });
    other.start_master();
    point_at(&fleet, "web1", other.request_port, other.publish_port);
    fleet.restart_minion("web1");
    let told = wait_until(Duration::from_secs(10), || {
        let log = fleet.log("web1");
        let at = log.rfind("is pinned")?;
        Some(log[..at].rsplit('\n').next()?.to_owned())
    });
    let told = told.unwrap_or_else(|| panic!("{}", fleet.log("web1")));
    let theirs = told.split("the master shows the key ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    assert!(told.contains(&ours) && theirs.len() == ours.len() && theirs != ours, "{told}");
    fleet.stop("web1", Signal::TERM);
    let call = fleet.call("web1", &["test.ping"]);
    assert!(call.status > 0 && call.stderr.contains(&ours) && call.stderr.contains(theirs), "{call:?}");
    assert_eq!(other.key(&["-L", "--out", "json"]).json()["minions"], json!([]), "it was told a name");
    // The right one is believed as before.
    point_at(&fleet, "web1", fleet.request_port, fleet.publish_port);
    fleet.restart_minion("web1");
    fleet.wait_for(&["web1"]);
}
