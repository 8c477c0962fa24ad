//! Keys that are replaced: the master's root and online keys, a minion's own; who was there, who slept, who has old ones.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use fleet_tests::harness::{Finished, Fleet, program, wait_until};
use rustix::process::Signal;
use serde_json::json;

use super::one;

fn answers(fleet: &Fleet) {
    let done = fleet.ctl(&["web1", "test.ping", "--out", "json", "--static"]);
    assert_eq!(done.json(), json!({"web1": true}), "{}", fleet.tail("web1"));
}

fn minion_command(fleet: &Fleet, id: &str, args: &[&str]) -> Finished {
    Finished::of(Command::new(program("saltminion")).arg("-c").arg(fleet.minion_config_dir(id)).args(args))
}

/// The lines of `--rotate root`: the fingerprint that counts now.
fn now_of(done: &Finished) -> String {
    let line = done.stdout.lines().find_map(|line| line.strip_prefix("now:"));
    line.unwrap_or_else(|| panic!("{done:?}")).trim().to_owned()
}

/// The fingerprint of web1's accepted key.
fn accepted(fleet: &Fleet) -> serde_json::Value {
    fleet.key(&["-f", "web1", "--out", "json"]).json()["minions"]["web1"].clone()
}

#[test]
fn minions_follow_a_replaced_root_at_once_or_when_they_wake() {
    let mut fleet = one();
    let pinned = fleet.pki_dir("web1").join("minion_master.pub");
    let before = fs::read(&pinned).unwrap();
    let done = fleet.key(&["--rotate", "root", "-y"]);
    assert!(done.status == 0 && done.stdout.contains("1 connected minions were told"), "{done:?}");
    assert_ne!(fs::read(&pinned).unwrap(), before, "it pinned the new one while its session stood");
    answers(&fleet);
    // One that sleeps through two more follows the chain.
    fleet.stop("web1", Signal::TERM);
    for _ in 0..2 {
        assert_eq!(fleet.key(&["--rotate", "root", "-y"]).status, 0);
    }
    fleet.restart_minion("web1");
    fleet.wait_for(&["web1"]);
    fleet.stop("master", Signal::TERM);
    fleet.start_master();
    fleet.wait_for(&["web1"]);
}

#[test]
fn one_that_slept_through_the_whole_chain_is_told_by_hand() {
    let mut fleet = one();
    fleet.stop("web1", Signal::TERM);
    fleet.stop("master", Signal::TERM);
    let mut root = String::new();
    for _ in 0..9 {
        let done = fleet.key(&["--rotate", "root", "-y"]);
        assert!(done.status == 0 && done.stdout.contains("No master runs"), "{done:?}");
        root = now_of(&done);
    }
    fleet.start_master();
    fleet.restart_minion("web1");
    let told = wait_until(Duration::from_secs(10), || fleet.log("web1").contains("--replace-root").then_some(()));
    assert!(told.is_some(), "{}", fleet.tail("web1"));
    fleet.stop("web1", Signal::TERM);
    let wrong = minion_command(&fleet, "web1", &["--replace-root", "nonsense"]);
    assert_ne!(wrong.status, 0);
    let done = minion_command(&fleet, "web1", &["--replace-root", &root]);
    assert_eq!(done.status, 0, "{done:?}");
    fleet.restart_minion("web1");
    fleet.wait_for(&["web1"]);
}

#[test]
fn replaced_online_keys_sign_at_once_and_old_copies_are_refused() {
    let mut fleet = one();
    let pki = fleet.pki_dir("master");
    let names = ["master_noise.pem", "publication.pem", "online_serial"];
    let old: Vec<Vec<u8>> = names.iter().map(|name| fs::read(pki.join(name)).unwrap()).collect();
    let done = fleet.key(&["--rotate", "online", "-y"]);
    assert_eq!(done.status, 0, "{done:?}");
    answers(&fleet);
    assert_ne!(fs::read(pki.join(names[1])).unwrap(), old[1]);
    // Who stole the keys before has a certificate of the true root, and nobody believes it.
    fleet.stop("master", Signal::TERM);
    for (name, text) in names.iter().zip(&old) {
        fs::write(pki.join(name), text).unwrap();
    }
    fleet.start_master();
    let refused = wait_until(Duration::from_secs(15), || fleet.log("web1").contains("replaced by those").then_some(()));
    assert!(refused.is_some(), "{}", fleet.tail("web1"));
    assert!(!fleet.connected("web1"));
    // The documented way back after a restored backup.
    assert_eq!(fleet.key(&["--rotate", "online", "-y"]).status, 0);
    fleet.wait_for(&["web1"]);
}

#[test]
fn a_minions_new_key_is_accepted_on_the_word_of_the_old_one_which_then_is_nothing() {
    let mut fleet = one();
    let own = fleet.pki_dir("web1");
    let old = fs::read(own.join("minion.pem")).unwrap();
    let before = accepted(&fleet);
    let done = minion_command(&fleet, "web1", &["--rotate-key"]);
    assert!(done.status == 0 && done.stdout.contains("reload"), "{done:?}");
    assert_eq!(accepted(&fleet), before, "the daemon still shows the old one");
    // It shows the new one when it is reloaded; what runs meanwhile is not lost.
    let running = fleet.ctl_command(&["web1", "test.sleep", "2", "-t", "20"]).stdout(Stdio::piped()).spawn().unwrap();
    let runs = || fleet.log("web1").contains("test.sleep").then_some(());
    assert!(wait_until(Duration::from_secs(10), runs).is_some(), "{}", fleet.tail("web1"));
    fleet.signal("web1", Signal::HUP);
    let shown = wait_until(Duration::from_secs(10), || (accepted(&fleet) == json!(now_of(&done))).then_some(()));
    assert!(shown.is_some(), "{}", fleet.tail("web1"));
    assert!(running.wait_with_output().unwrap().status.success(), "{}", fleet.tail("web1"));
    answers(&fleet);
    assert_ne!(accepted(&fleet), before);
    // A thief has the old one.
    fleet.stop("web1", Signal::TERM);
    for name in ["minion.pub", "minion_noise.pem", "minion_successions"] {
        fs::remove_file(own.join(name)).unwrap();
    }
    fs::write(own.join("minion.pem"), old).unwrap();
    fleet.restart_minion("web1");
    let denied = wait_until(Duration::from_secs(10), || {
        let listed = fleet.key(&["-L", "--out", "json"]).json();
        (listed["minions_denied"] == json!(["web1"])).then_some(())
    });
    assert!(denied.is_some(), "{}", fleet.tail("web1"));
    assert_eq!(accepted(&fleet), json!(now_of(&done)));
}

#[test]
fn a_prepared_minion_needs_no_acceptance() {
    let mut fleet = one();
    let place = fleet.dir().join("prepared");
    fs::create_dir(&place).unwrap();
    let made = fleet.key(&["--gen-keys", "web2", "--gen-keys-dir", &place.display().to_string()]);
    assert_eq!(made.status, 0, "{made:?}");
    assert_ne!(fleet.key(&["--gen-keys", "web2", "--gen-keys-dir", &place.display().to_string()]).status, 0);
    assert_ne!(fleet.key(&["--gen-keys", "../web3", "--gen-keys-dir", &place.display().to_string()]).status, 0);
    let accepted = fleet.pki_dir("master").join("minions").join("web2");
    fs::copy(place.join("web2.pub"), accepted).unwrap();
    let own = fleet.pki_dir("web2");
    fs::create_dir_all(&own).unwrap();
    fs::rename(place.join("web2.pem"), own.join("minion.pem")).unwrap();
    fleet.start_minion("web2", "");
    fleet.wait_for(&["web2"]);
}
