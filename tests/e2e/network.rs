//! A real network between master and minion that loses packets without a word: no socket is closed by it.

use std::process::Command;
use std::time::{Duration, Instant};

use fleet_tests::harness::{Fleet, FleetOptions, Network, skip, wait_until};
use serde_json::json;

/// A pair of interfaces, one of them in a namespace of its own; gone when dropped.
struct Wire {
    namespace: String,
    outer: String,
    subnet: String,
}

impl Wire {
    /// Lays the wire; `None` where this process may not.
    fn lay() -> Option<Self> {
        let number = std::process::id() % 60_000;
        let wire = Self {
            namespace: format!("fleet{number}"),
            outer: format!("fleet{number}o"),
            subnet: format!("10.{}.{}", 64 + number / 256 % 128, number % 256),
        };
        let outer = &wire.outer;
        let (here, there) = (format!("{}.1/24", wire.subnet), format!("{}.2/24", wire.subnet));
        let laid = ip(&["netns", "add", &wire.namespace])
            && ip(&["link", "add", outer, "type", "veth", "peer", "name", "inner", "netns", &wire.namespace])
            && ip(&["addr", "add", &here, "dev", outer])
            && ip(&["link", "set", outer, "up"])
            && wire.inside(&["addr", "add", &there, "dev", "inner"])
            && wire.inside(&["link", "set", "inner", "up"])
            && wire.inside(&["link", "set", "lo", "up"]);
        laid.then_some(wire)
    }

    fn inside(&self, args: &[&str]) -> bool {
        ip(&[&["-n", &self.namespace], args].concat())
    }

    /// From now on every packet is lost, in both directions: it is sent to a hardware address that nobody has.
    fn lose(&self) {
        const NOBODY: &str = "02:00:00:00:00:99";
        let (here, there) = (format!("{}.1", self.subnet), format!("{}.2", self.subnet));
        assert!(ip(&["neigh", "replace", &there, "lladdr", NOBODY, "dev", &self.outer, "nud", "permanent"]));
        assert!(self.inside(&["neigh", "replace", &here, "lladdr", NOBODY, "dev", "inner", "nud", "permanent"]));
    }

    /// Packets arrive again.
    fn heal(&self) {
        let (here, there) = (format!("{}.1", self.subnet), format!("{}.2", self.subnet));
        assert!(ip(&["neigh", "del", &there, "dev", &self.outer]));
        assert!(self.inside(&["neigh", "del", &here, "dev", "inner"]));
    }

    fn network(&self) -> Network {
        Network { master: format!("{}.1", self.subnet), namespace: self.namespace.clone() }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // The other end goes with it.
        ip(&["link", "del", &self.outer]);
        ip(&["netns", "del", &self.namespace]);
    }
}

fn ip(args: &[&str]) -> bool {
    Command::new("ip").args(args).output().is_ok_and(|output| output.status.success())
}

#[test]
fn lost_packets_in_the_middle_of_a_job() {
    if !rustix::process::geteuid().is_root() {
        return skip("lost_packets_in_the_middle_of_a_job", "network namespaces need root");
    }
    let Some(wire) = Wire::lay() else {
        return skip("lost_packets_in_the_middle_of_a_job", "network namespaces cannot be made here");
    };
    let mut fleet = Fleet::new(&FleetOptions { network: Some(wire.network()), ..FleetOptions::default() });
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);

    // A short cut: the job ends in it, its return arrives after it, and nobody lost anybody.
    let (first, second) = (fleet.dir().join("first"), fleet.dir().join("second"));
    let jid = start(&fleet, &format!("echo started >> {0}; sleep 1; echo ended >> {0}", first.display()));
    assert!(wait_until(Duration::from_secs(5), || first.exists().then_some(())).is_some());
    wire.lose();
    std::thread::sleep(Duration::from_secs(3));
    wire.heal();
    returned(&fleet, &jid, Duration::from_secs(15));
    assert_eq!(std::fs::read_to_string(&first).unwrap(), "started\nended\n");
    assert!(!fleet.log("master").contains("session ended minion=web1"), "{}", fleet.log("master"));

    // A long one: both sides notice within three beats of ten seconds, and say so.
    let jid = start(&fleet, &format!("echo started >> {0}; sleep 1; echo ended >> {0}", second.display()));
    assert!(wait_until(Duration::from_secs(5), || second.exists().then_some(())).is_some());
    wire.lose();
    let start = Instant::now();
    let noticed =
        wait_until(Duration::from_secs(45), || fleet.log("master").contains("session ended minion=web1").then_some(()));
    assert!(noticed.is_some(), "{}", fleet.log("master"));
    println!("the master noticed after {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(45), "the master noticed after {:?}", start.elapsed());
    let down = fleet.ctl(&["web1", "test.ping", "-t", "120"]);
    assert!(down.status == 3 && down.took < Duration::from_secs(60), "{down:?}");
    let noticed =
        wait_until(Duration::from_secs(20), || fleet.log("web1").contains("no session with the master").then_some(()));
    assert!(noticed.is_some(), "{}", fleet.log("web1"));
    println!("the minion noticed after {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(60), "the minion noticed after {:?}", start.elapsed());
    wire.heal();
    fleet.wait_for(&["web1"]);
    returned(&fleet, &jid, Duration::from_secs(10));
    assert_eq!(std::fs::read_to_string(&second).unwrap(), "started\nended\n");
    assert_eq!(fleet.ctl(&["web1", "test.ping", "--out", "json", "--static"]).json(), json!({"web1": true}));
    // The minion's sockets are in the namespace: it ends before the namespace does.
    drop(fleet);
    drop(wire);
}

/// Starts a job and leaves it.
fn start(fleet: &Fleet, line: &str) -> String {
    let started = fleet.ctl(&["web1", "--async", "cmd.run", line]);
    let jid =
        started.stdout.split_whitespace().find(|word| word.len() == 20 && word.bytes().all(|b| b.is_ascii_digit()));
    jid.unwrap_or_else(|| panic!("{started:?}")).to_owned()
}

/// Waits until the master has taken the return of a job, the first of its kind.
fn returned(fleet: &Fleet, jid: &str, wait: Duration) {
    let line =
        |log: &str| log.lines().any(|line| line.contains(jid) && line.contains("New") && line.contains("return"));
    let seen = wait_until(wait, || line(&fleet.log("master")).then_some(()));
    assert!(seen.is_some(), "no return of {jid}:\n{}\n{}", fleet.log("master"), fleet.log("web1"));
}
