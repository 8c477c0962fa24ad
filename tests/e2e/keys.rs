//! Keys: waiting, accepted, rejected, replaced, deleted; with the master up and down.

use std::fs;
use std::time::Duration;

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
    assert_eq!(fleet.ctl(&["web1", "test.ping", "--out", "json", "--static"]).json(), json!({"web1": true}));
}

#[test]
fn moving_a_key_file_by_hand_counts() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.wait_for_keys(&["web1"]);
    let pki = find(fleet.dir(), "minions_pre");
    fs::rename(pki.join("web1"), pki.with_file_name("minions").join("web1")).unwrap();
    fleet.wait_for(&["web1"]);
}

/// The directory of that name somewhere below.
fn find(dir: &std::path::Path, name: &str) -> std::path::PathBuf {
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        if dir.file_name().is_some_and(|own| own == name) {
            return dir;
        }
        open.extend(
            fs::read_dir(&dir)
                .into_iter()
                .flatten()
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(|p| p.is_dir()),
        );
    }
    panic!("{name} was not found below {}", dir.display());
}
