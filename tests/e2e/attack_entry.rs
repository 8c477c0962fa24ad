//! Doors that other systems have had: each is shut here, or is not there and says so.

use std::fs;
use std::time::Duration;

use fleet_tests::attack::between::{find, point_at};
use fleet_tests::attack::network::captured_sessions;
use fleet_tests::harness::proxy::Proxy;
use fleet_tests::harness::{Fleet, FleetOptions, wait_until};
use serde_json::{Value, json};

use super::one;

/// What a minion says is text to its master: in pillar, in targets, in returns, in grains.
#[test]
fn what_a_minion_says_is_never_rendered() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    let srv = fleet.dir().join("srv/pillar");
    fs::write(srv.join("top.sls"), "base:\n  '*':\n    - data\n").unwrap();
    fs::write(srv.join("data.sls"), "said: {{ grains['evil'] | json }}\n").unwrap();
    let evil = "{{ 7 * 191 }}{% for x in y %}{{ salt['cmd.run']('id') }}";
    fleet.start_master();
    fleet.start_minion("web1", &format!("grains:\n  evil: \"{evil}\"\n"));
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    let shown = |args: &[&str]| fleet.ctl(&[args, &["--out", "json", "--static"]].concat());
    assert_eq!(shown(&["web1", "pillar.get", "said"]).json(), json!({"web1": evil}));
    assert_eq!(shown(&["web1", "grains.get", "evil"]).json(), json!({"web1": evil}));
    let said = format!("said {evil}");
    assert_eq!(shown(&["web1", "test.echo", &said]).json(), json!({"web1": said}));
    let row = fleet.run(&["cache.grains", "web1", "--out", "json"]);
    assert!(row.stdout.contains("7 * 191") && !row.stdout.contains("1337"), "{row:?}");
    assert!(!fleet.log("master").contains("1337"));
}

/// A script runs from a file that is made for it, which nobody can prepare, read or change.
#[test]
fn a_script_runs_from_a_closed_file_of_a_name_nobody_knows() {
    let fleet = one();
    fs::write(fleet.dir().join("srv/salt/where.sh"), "#!/bin/sh\nstat -c '%a %u %h' \"$0\"\necho \"$0\"\n").unwrap();
    let run = || {
        let done = fleet.ctl(&["web1", "cmd.script", "salt://where.sh", "--out", "json", "--static"]);
        let text = done.json()["web1"]["stdout"].as_str().unwrap_or_else(|| panic!("{done:?}")).to_owned();
        let (facts, path) = text.split_once('\n').unwrap();
        (facts.to_owned(), path.to_owned())
    };
    let (first, second) = (run(), run());
    let own = rustix::process::geteuid().as_raw();
    assert_eq!(first.0, format!("500 {own} 1"));
    assert_ne!(first.1, second.1);
    assert!(!std::path::Path::new(&first.1).exists(), "it stays behind");
}

/// All that a minion ever wrote, handshake included, is written to the master again by somebody else.
#[test]
fn a_captured_session_is_nothing_to_the_master_when_it_comes_again() {
    let mut fleet = one();
    fleet.stop("web1", rustix::process::Signal::TERM);
    let (request, publish) = (Proxy::to(fleet.request_port), Proxy::to(fleet.publish_port));
    point_at(&fleet, "web1", request.port, publish.port);
    fleet.restart_minion("web1");
    fleet.wait_for(&["web1"]);
    assert_eq!(fleet.ctl(&["web1", "test.echo", "captured-return"]).status, 0);
    let captured = request.sent();
    assert!(captured.len() > 1000, "{} bytes", captured.len());
    let opened = || fleet.log("master").matches("session opened").count();
    let before = opened();
    let replayed = captured_sessions(&fleet, &captured);
    assert_eq!((replayed.attempts, replayed.granted), (5, Vec::new()));
    assert_eq!(opened(), before, "{}", fleet.tail("master"));
    let counted = fleet.run(&["manage.health", "--out", "json"]).json();
    assert!(counted["refused"]["handshakes"].as_u64().unwrap() > 0, "{counted}");
    assert_eq!(fleet.ctl(&["web1", "test.ping"]).status, 0);
    let jobs = fleet.run(&["jobs.list_jobs", "--out", "json"]).json();
    let echoes = jobs.as_object().unwrap().values().filter(|job| job["Function"] == json!("test.echo")).count();
    assert_eq!(echoes, 1);
}

/// An image was copied with its keys: two machines that cannot be told apart are not both served, and the log names both.
#[test]
fn a_cloned_image_under_another_name_waits_like_any_stranger() {
    let mut fleet = one();
    let key = find(&fleet.minion_root("web1"), "minion.pem");
    let own = key.parent().unwrap();
    let place = fleet.minion_root("web2").join(own.strip_prefix(fleet.minion_root("web1")).unwrap());
    fs::create_dir_all(&place).unwrap();
    for entry in fs::read_dir(own).unwrap().flatten() {
        fs::copy(entry.path(), place.join(entry.file_name())).unwrap();
    }
    fleet.start_minion("web2", "");
    fleet.wait_for_keys(&["web2"]);
    let listed = fleet.key(&["-L", "--out", "json"]).json();
    assert_eq!((&listed["minions"], &listed["minions_pre"]), (&json!(["web1"]), &json!(["web2"])));
    let pings: Value = fleet.ctl(&["*", "test.ping", "--out", "json", "--static"]).json();
    assert_eq!(pings, json!({"web1": true}));
    let told = wait_until(Duration::from_secs(5), || {
        fleet
            .log("master")
            .lines()
            .any(|l| l.contains("same key") && l.contains("web1") && l.contains("web2"))
            .then_some(())
    });
    assert!(told.is_some(), "{}", fleet.tail("master"));
}
