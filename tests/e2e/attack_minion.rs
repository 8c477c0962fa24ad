//! Somebody in the master's place, or between it and the minion: nothing forged runs, nothing runs twice, the minion
//! and `saltcall` stay up and recover.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fleet_tests::harness::proxy::{Policy, Proxy};
use fleet_tests::harness::raw::{frame, good, greeting, ready, resident_of};
use fleet_tests::harness::{Finished, Fleet, FleetOptions, wait_until};
use rustix::process::Signal;
use serde_json::json;

/// A master and an accepted minion with somebody between them on each port.
struct Between {
    fleet: Fleet,
    request: Proxy,
    publish: Proxy,
}

impl Between {
    fn new() -> Self {
        let mut fleet = Fleet::new(&FleetOptions::default());
        fleet.start_master();
        let (request, publish) = (Proxy::to(fleet.request_port), Proxy::to(fleet.publish_port));
        fleet.start_minion("web1", "");
        fleet.stop("web1", Signal::KILL);
        point_at(&fleet, "web1", request.port, publish.port);
        fleet.restart_minion("web1");
        fleet.accept(&["web1"]);
        fleet.wait_for(&["web1"]);
        Self { fleet, request, publish }
    }

    /// Appends a line to a file on the minion; how often it ran can be counted.
    fn append(&self, word: &str) -> Finished {
        let line = format!("echo {word} >> {}", self.ran_file().display());
        self.fleet.ctl(&["web1", "cmd.run", &line, "-t", "20", "--out", "json", "--static"])
    }

    fn ran_file(&self) -> PathBuf {
        self.fleet.dir().join("ran")
    }

    fn ran(&self) -> Vec<String> {
        lines(&self.ran_file())
    }
}

fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Rewrites a minion's configuration so that it finds its master on other ports.
pub(super) fn point_at(fleet: &Fleet, id: &str, request: u16, publish: u16) {
    let path = fleet.minion_config_dir(id).join("minion");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for line in &mut lines {
        if line.starts_with("master_port:") {
            *line = format!("master_port: {request}");
        }
        if line.starts_with("publish_port:") {
            *line = format!("publish_port: {publish}");
        }
    }
    std::fs::write(path, lines.join("\n")).unwrap();
}

#[test]
fn captured_publications_run_once() {
    let between = Between::new();
    for word in ["one", "two", "three"] {
        assert_eq!(between.append(word).status, 0);
    }
    let recorded = between.publish.recorded();
    assert!(recorded.len() >= 3, "{} publications", recorded.len());
    // As they were, backwards, all at once, changed in every part, cut, with another length, and parts of two.
    let mut attacks: Vec<Vec<u8>> = recorded.clone();
    attacks.extend(recorded.iter().rev().cloned());
    attacks.push(recorded.concat());
    for whole in &recorded {
        let start = if whole[0] & 2 == 0 { 2 } else { 9 };
        let body = &whole[start..];
        for at in (0..body.len()).step_by(7) {
            let mut changed = body.to_vec();
            changed[at] ^= 1;
            attacks.push(good(0, &changed));
        }
        // A counter that was never used, so that only the signature stands between.
        let mut newer = body.to_vec();
        newer[18..26].copy_from_slice(&u64::MAX.to_be_bytes());
        attacks.push(good(0, &newer));
        attacks.push(good(0, &body[..body.len() / 2]));
        attacks.push(good(0, &[body, b"trailing"].concat()));
        attacks.push(good(0, &[&body[..30], &recorded[0][start + 30..]].concat()));
    }
    for attack in &attacks {
        between.publish.inject(attack);
    }
    assert_eq!(between.append("four").status, 0);
    // Restarted, the minion has forgotten the counter; its journal and the new session have not.
    let mut between = between;
    between.fleet.stop("web1", Signal::KILL);
    between.fleet.restart_minion("web1");
    between.fleet.wait_for(&["web1"]);
    for attack in &attacks {
        between.publish.inject(attack);
    }
    assert_eq!(between.append("five").status, 0);
    assert_eq!(between.ran(), ["one", "two", "three", "four", "five"]);
}

#[test]
fn doubled_corrupted_swapped_and_dropped_publications_lose_and_double_nothing() {
    let between = Between::new();
    let pid = between.fleet.pid("web1");
    for (policy, word) in [(Policy::Twice, "twice"), (Policy::Pass, "pass")] {
        between.publish.set(policy);
        assert_eq!(between.append(word).status, 0, "{policy:?}");
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
    assert_eq!(between.append("end").status, 0);
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
        between.fleet.ctl(&["web1", "--async", "cmd.run", &line]);
        thread::sleep(Duration::from_millis(300));
        between.request.inject(&good(0, b"a record of somebody else"));
        thread::sleep(Duration::from_millis(300));
        between.request.set(Policy::Pass);
        between.request.cut();
        between.fleet.wait_for(&["web1"]);
    }
    let all = wait_until(Duration::from_secs(10), || (between.ran().len() >= 4).then_some(()));
    assert!(all.is_some(), "{:?}\n{}", between.ran(), between.fleet.log("web1"));
    thread::sleep(Duration::from_millis(500));
    assert_eq!(between.ran(), ["Corrupt", "Twice", "Swap", "Drop"]);
}

/// Accepts connections, does as much of the handshake as asked, and answers with these bytes, again and again.
struct Hostile {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Hostile {
    fn new(open_as: Option<&'static str>, bytes: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::Relaxed);
                let bytes = bytes.clone();
                thread::spawn(move || answer(stream, open_as, &bytes));
            }
        });
        Self { port, connections }
    }
}

fn answer(mut stream: TcpStream, open_as: Option<&str>, bytes: &[u8]) {
    if let Some(socket) = open_as {
        let shaken = stream.write_all(&greeting()).and_then(|()| {
            std::io::Read::read_exact(&mut stream, &mut [0; 64])?;
            stream.write_all(&ready(socket, b""))
        });
        if shaken.is_err() {
            return;
        }
    }
    for _ in 0..50 {
        if bytes.is_empty() || stream.write_all(bytes).is_err() {
            break;
        }
    }
    // Silent until the minion gives up, or the end of the test.
    let _ = std::io::Read::read(&mut stream, &mut [0; 16]);
    thread::sleep(Duration::from_secs(1));
    let _ = stream.shutdown(Shutdown::Both);
}

#[test]
fn a_hostile_master_ends_neither_minion_nor_saltcall() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    let (request, publish) = (fleet.request_port, fleet.publish_port);
    let mut attacks = vec![b"HTTP/1.1 400 Bad Request\r\n".to_vec(), good(1, b"part").repeat(20), vec![0x80; 100]];
    attacks.push(good(0, &[0; 96]));
    attacks.push(good(0, b"salt\x01 and then nothing that makes sense"));
    for claim in [u64::MAX, 1 << 40, 1 << 34, 1 << 20] {
        attacks.extend([frame(0, claim, b"x"), frame(4, claim, b"x")]);
    }
    fleet.stop("web1", Signal::TERM);
    for attack in attacks {
        for open_as in [None, Some("ROUTER")] {
            let hostile = Hostile::new(open_as, attack.clone());
            point_at(&fleet, "web1", hostile.port, hostile.port);
            // No daemon runs: a session of its own.
            let call = fleet.call("web1", &["test.ping"]);
            assert_ne!(call.status, 0, "{call:?}");
            assert!(call.status > 0 && call.status < 128, "ended by a signal: {call:?}");
            assert!(call.stderr.starts_with("saltcall: "), "{call:?}");
            fleet.restart_minion("web1");
            let tried = wait_until(Duration::from_secs(10), || {
                (hostile.connections.load(Ordering::Relaxed) >= 2).then_some(())
            });
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
    assert!(call.took < Duration::from_secs(8), "{call:?}");
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

fn find(dir: &Path, name: &str) -> PathBuf {
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            if entry.file_name() == name {
                return entry.path();
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            }
        }
    }
    panic!("{name} was not found below {}", dir.display());
}
