//! How a new minion gets in without an operator: a token, a join string, files of ids and grains. And how it does not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use fleet_tests::harness::{Fleet, FleetOptions, wait_until};
use rustix::process::Signal;
use serde_json::json;

fn listed(fleet: &Fleet, folder: &str) -> serde_json::Value {
    fleet.key(&["-L", "--out", "json"]).json()[folder].clone()
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn join_string(fleet: &Fleet, args: &[&str]) -> String {
    let done = fleet.key(&[args, &["--master-address", "127.0.0.1"]].concat());
    assert_eq!(done.status, 0, "{done:?}");
    done.stdout.trim().to_owned()
}

/// A minion that knows nothing but a join string.
fn start_joined(fleet: &mut Fleet, id: &str, join: &str) {
    fleet.start_minion(id, "");
    fleet.stop(id, Signal::KILL);
    let path = fleet.minion_config_dir(id).join("minion");
    let text = fs::read_to_string(&path).unwrap();
    let kept: Vec<&str> =
        text.lines().filter(|line| line.starts_with("id:") || line.starts_with("root_dir:")).collect();
    write(&path, &format!("{}\njoin: '{join}'\n", kept.join("\n")), 0o600);
    fleet.restart_minion(id);
}

#[test]
fn a_join_string_is_all_a_minion_needs_and_its_token_works_once() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fleet.start_master();
    let join = join_string(&fleet, &["--gen-token", "web*"]);
    let token = join.rsplit(',').next().unwrap().to_owned();
    start_joined(&mut fleet, "web1", &join);
    fleet.wait_for(&["web1"]);
    // The second one with the same string waits, and one for other ids too.
    start_joined(&mut fleet, "web2", &join);
    let other = join_string(&fleet, &["--gen-token", "db*"]);
    start_joined(&mut fleet, "web3", &other);
    fleet.wait_for_keys(&["web2", "web3"]);
    assert_eq!(listed(&fleet, "minions"), json!(["web1"]));
    assert_eq!(listed(&fleet, "minions_pre"), json!(["web2", "web3"]));
    for who in ["master", "web1", "web2"] {
        assert!(!fleet.log(who).contains(&token), "the log of {who} shows the token");
    }
    let seen = fleet.ctl(&["web1", "config.items", "--out", "json", "--static"]);
    assert!(!seen.stdout.contains(&token), "a function shows it");
    assert_ne!(fleet.key(&["--gen-token", "a b"]).status, 0);
    // No token is made that nobody could be shown.
    let made =
        || fs::read_to_string(fleet.dir().join("master/var/log/salt/audit")).unwrap().matches("gen_token").count();
    let before = made();
    let refused = fleet.key(&["--gen-token", "*", "--master-address", "a b"]);
    assert!(refused.status != 0 && refused.stderr.contains("'a b' is no address"), "{}", refused.stderr);
    assert!(before >= 2 && made() == before, "a token was made");
}

#[test]
fn a_token_ends_with_its_time_and_a_join_string_without_one_pins_the_master_only() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fleet.start_master();
    let late = join_string(&fleet, &["--gen-token", "*", "--token-life", "0"]);
    start_joined(&mut fleet, "web1", &late);
    let plain = join_string(&fleet, &["--join-string"]);
    start_joined(&mut fleet, "web2", &plain);
    fleet.wait_for_keys(&["web1", "web2"]);
    assert_eq!(listed(&fleet, "minions_pre"), json!(["web1", "web2"]));
    // Another master's fingerprint: nothing is told to this one.
    let mut parts: Vec<String> = late.split(',').map(str::to_owned).collect();
    parts[4] = "ab".repeat(32);
    start_joined(&mut fleet, "web3", &parts.join(","));
    let refused = wait_until(Duration::from_secs(10), || fleet.log("web3").contains("master_finger").then_some(()));
    assert!(refused.is_some(), "{}", fleet.tail("web3"));
    assert_eq!(listed(&fleet, "minions_pre"), json!(["web1", "web2"]));
}

#[test]
fn files_of_ids_and_grains_let_in_and_keep_out() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    write(&at("accept"), "# ours\nweb*\n", 0o600);
    write(&at("reject"), "web9\n", 0o600);
    fs::create_dir(at("grains")).unwrap();
    write(&at("grains/serial"), "A-17\n", 0o600);
    let master_config = format!(
        "autosign_file: {}\nautoreject_file: {}\nautosign_grains_dir: {}\n",
        at("accept").display(),
        at("reject").display(),
        at("grains").display()
    );
    let mut fleet = Fleet::new(&FleetOptions { master_config, ..Default::default() });
    fleet.start_master();
    let claim = |serial: &str| format!("grains:\n  serial: {serial}\nautosign_grains: [serial]\n");
    fleet.start_minion("web1", "");
    fleet.start_minion("web9", "");
    fleet.start_minion("db1", &claim("A-17"));
    fleet.start_minion("db2", &claim("A-18"));
    fleet.wait_for(&["web1", "db1"]);
    fleet.wait_for_keys(&["db2", "web9"]);
    assert_eq!(listed(&fleet, "minions"), json!(["db1", "web1"]));
    assert_eq!(listed(&fleet, "minions_rejected"), json!(["web9"]));
    assert_eq!(listed(&fleet, "minions_pre"), json!(["db2"]));
    // A file that others can write lets nobody in, and the log says why.
    write(&at("accept"), "*\n", 0o666);
    fleet.start_minion("web2", "");
    fleet.wait_for_keys(&["web2"]);
    assert_eq!(listed(&fleet, "minions_pre"), json!(["db2", "web2"]));
    assert!(fleet.log("master").contains("others can write it"), "{}", fleet.tail("master"));
}
