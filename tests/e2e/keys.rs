//! Keys: waiting, accepted, rejected, replaced, deleted; with the master up and down.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use fleet_tests::harness::account::{give_to_nobody, may_change_account, open_commands};
use fleet_tests::harness::{Fleet, FleetOptions, wait_until};
use rustix::process::Signal;
use serde_json::json;

use super::one;

#[test]
fn a_key_waits_until_it_is_accepted() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.wait_for_keys(&["web1"]);
    assert_eq!(fleet.key(&["-L", "--out", "json"]).json()["minions_pre"], json!(["web1"]));
    assert_eq!(fleet.ctl(&["*", "test.ping"]).status, 2, "a pending minion is no target");
    assert_eq!(fleet.key(&["-a", "web1", "-y"]).status, 0);
    fleet.wait_for(&["web1"]);
    assert_eq!(fleet.key(&["-L", "--out", "json"]).json()["minions"], json!(["web1"]));
    let finger = fleet.key(&["-f", "web1", "--out", "json"]);
    assert!(finger.stdout.contains(':'), "{finger:?}");
}

#[test]
fn keys_can_be_accepted_while_the_master_is_down() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.wait_for_keys(&["web1"]);
    fleet.stop("master", Signal::TERM);
    assert_eq!(fleet.key(&["-A", "-y"]).status, 0);
    fleet.start_master();
    fleet.wait_for(&["web1"]);
}

#[test]
fn a_deleted_key_ends_the_session_at_once() {
    let fleet = one();
    assert_eq!(fleet.key(&["-d", "web1", "-y"]).status, 0);
    // Without a key it is no target any more; its key comes back as pending.
    assert_eq!(fleet.ctl(&["*", "test.ping"]).status, 2);
    fleet.wait_for_keys(&["web1"]);
    assert_eq!(fleet.key(&["-L", "--out", "json"]).json()["minions_pre"], json!(["web1"]));
}

#[test]
fn a_second_key_under_a_known_name_is_denied_and_changes_nothing() {
    let mut fleet = one();
    let other = fleet.dir().join("other");
    let config = fleet.dir().join("etc-other");
    fs::create_dir_all(&config).unwrap();
    let text = fs::read_to_string(fleet.minion_config_dir("web1").join("minion")).unwrap();
    let text = text.replace(&fleet.minion_root("web1").display().to_string(), &other.display().to_string());
    fleet.start_minion("stranger", "");
    fs::write(fleet.minion_config_dir("stranger").join("minion"), text).unwrap();
    fleet.stop("stranger", Signal::KILL);
    fleet.restart_minion("stranger");
    let denied = wait_until(Duration::from_secs(10), || {
        let listed = fleet.key(&["-L", "--out", "json"]).json();
        (listed["minions_denied"] == json!(["web1"])).then_some(())
    });
    assert!(denied.is_some(), "{}\n{}", fleet.key(&["-L"]).stdout, fleet.tail("stranger"));
    let counted = || fleet.run(&["manage.health", "--out", "json"]).json()["refused"]["keys"].as_u64();
    assert!(wait_until(Duration::from_secs(10), || (counted() > Some(0)).then_some(())).is_some(), "{:?}", counted());
    assert_eq!(fleet.ctl(&["web1", "test.ping", "--out", "json", "--static"]).json(), json!({"web1": true}));
}

#[test]
fn moving_a_key_file_by_hand_counts() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.wait_for_keys(&["web1"]);
    let pki = fleet.pki_dir("master");
    fs::rename(pki.join("minions_pre/web1"), pki.join("minions/web1")).unwrap();
    fleet.wait_for(&["web1"]);
}

/// The second one is told to wait as long as the first one lives; both are named, and every job runs once.
#[test]
fn of_two_daemons_with_one_key_the_newer_is_refused_while_the_older_answers() {
    let mut fleet = one();
    fs::create_dir_all(fleet.pki_dir("twin")).unwrap();
    for entry in fs::read_dir(fleet.pki_dir("web1")).unwrap().flatten() {
        fs::copy(entry.path(), fleet.pki_dir("twin").join(entry.file_name())).unwrap();
    }
    fleet.configure_minion("twin", fleet.request_port, fleet.publish_port, "");
    let config = fleet.minion_config_dir("twin").join("minion");
    let text = fs::read_to_string(&config).unwrap().replace("id: twin", "id: web1");
    fs::write(config, text).unwrap();
    fleet.restart_minion("twin");
    let told = |who: &str, text: &str| {
        let told = wait_until(Duration::from_secs(15), || fleet.log(who).contains(text).then_some(()));
        assert!(told.is_some(), "{who}: {}", fleet.tail(who));
    };
    told("twin", "another daemon with this key is connected from 127.0.0.1");
    told("master", "refused: another daemon with this key answers");
    let mark = fleet.dir().join("mark");
    let append = format!("echo ran >> {}", mark.display());
    assert_eq!(fleet.ctl(&["*", "cmd.run", &append]).status, 0);
    assert_eq!(fs::read_to_string(&mark).unwrap(), "ran\n");
    assert!(!fleet.log("twin").contains("connected to the master"));
    // The first one goes: the second one takes its place at its next attempt.
    fleet.stop("web1", Signal::TERM);
    fleet.signal("twin", Signal::HUP);
    fleet.wait_for(&["web1"]);
    assert_eq!(fleet.log("twin").matches("connected to the master").count(), 1);
}

/// The verbs of the command, as an operator types them.
#[test]
fn keys_are_printed_rejected_and_taken_back() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fleet.start_master();
    for id in ["web1", "web2", "db1"] {
        fleet.start_minion(id, "");
    }
    fleet.wait_for_keys(&["web1", "web2", "db1"]);
    let listed = |folder: &str| fleet.key(&["-L", "--out", "json"]).json()[folder].clone();
    assert_eq!(fleet.key(&["-r", "web*", "-y"]).status, 0);
    assert_eq!((listed("minions_rejected"), listed("minions_pre")), (json!(["web1", "web2"]), json!(["db1"])));
    assert_eq!(fleet.key(&["-a", "web1", "-y"]).status, 0);
    assert_eq!(listed("minions"), json!([]), "a rejected key stays rejected");
    assert_eq!(fleet.key(&["-a", "web1", "--include-rejected", "-y"]).status, 0);
    fleet.wait_for(&["web1"]);
    assert_eq!(fleet.key(&["-R", "--include-accepted", "-y"]).status, 0);
    assert_eq!(listed("minions_rejected"), json!(["db1", "web1", "web2"]));
    assert_eq!(fleet.ctl(&["*", "test.ping"]).status, 2, "a rejected minion is no target");
    for (args, shown, others) in [(["-p", "web1"], 1, "web2"), (["-P", "--no-color"], 3, "web3")] {
        let printed = fleet.key(&args);
        assert_eq!(printed.stdout.matches("BEGIN").count(), shown, "{printed:?}");
        assert!(printed.status == 0 && !printed.stdout.contains(others), "{printed:?}");
    }
    let help = fleet.key(&["--help"]);
    for option in
        ["--gen-keys", "--gen-keys-dir", "--rotate", "--gen-token", "--join-string", "-r, ", "-R, ", "-p, ", "-P, "]
    {
        assert!(help.status == 0 && help.stdout.contains(option), "{option}: {}", help.stdout);
    }
    for wrong in [&["--rotate", "minion", "-y"][..], &["--rotate"], &["--gen-keys", "a/b"], &["--gen-keys", ""]] {
        let refused = fleet.key(wrong);
        assert!(refused.status != 0 && !refused.stderr.is_empty(), "{wrong:?}: {refused:?}");
    }
}

/// Root types while the master is down, and the master is another account's: all that is written must be that account's.
#[test]
fn what_root_changes_while_the_master_is_down_belongs_to_the_masters_account() {
    if !may_change_account("what_root_changes_while_the_master_is_down_belongs_to_the_masters_account") {
        return;
    }
    let mut fleet = Fleet::new(&FleetOptions::default());
    let programs = open_commands(&fleet);
    fs::create_dir_all(fleet.dir().join("master")).unwrap();
    give_to_nobody(&fleet.dir().join("master"));
    fleet.master_as_nobody(programs);
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.wait_for_keys(&["web1"]);
    fleet.stop("master", Signal::TERM);
    for args in
        [&["-a", "web1", "-y"][..], &["--rotate", "root", "-y"], &["--rotate", "online", "-y"], &["--gen-token", "*"]]
    {
        let done = fleet.key(args);
        assert_eq!(done.status, 0, "{args:?}: {done:?}");
    }
    let mut open = vec![fleet.pki_dir("master")];
    while let Some(path) = open.pop() {
        let facts = fs::metadata(&path).unwrap();
        assert_eq!((facts.uid(), facts.gid()), (65534, 65534), "{}", path.display());
        let secret = path.extension().is_some_and(|end| end == "pem") || path.ends_with("enrolment_tokens");
        assert!(!secret || facts.mode() & 0o077 == 0, "{}: {:o}", path.display(), facts.mode());
        if facts.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    fleet.start_master();
    fleet.wait_for(&["web1"]);
}
