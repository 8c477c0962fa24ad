//! What a person gets wrong: each answer says what, where and what to do.

use std::fs;
use std::process::Command;

use fleet_tests::harness::{Finished, Fleet, FleetOptions, program};

fn run(name: &str, args: &[&str]) -> Finished {
    Finished::of(Command::new(program(name)).args(args).env("NO_COLOR", "1"))
}

#[test]
fn a_broken_configuration_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display().to_string();
    for (name, file) in [("saltmaster", "master"), ("saltminion", "minion")] {
        fs::write(dir.path().join(file), format!("root_dir: {path}\nlog_level: info\nret_port: [1\n")).unwrap();
        let broken = run(name, &["-c", &path]);
        assert_eq!(broken.status, 78, "{name}: {broken:?}");
        assert!(broken.stderr.contains(&format!("{file}:")), "{name}: {broken:?}");
        fs::write(dir.path().join(file), format!("root_dir: {path}\npublish_port: high\n")).unwrap();
        let wrong = run(name, &["-c", &path]);
        assert_eq!(wrong.status, 78, "{name}: {wrong:?}");
        assert!(wrong.stderr.contains(&format!("{file}:2")) && wrong.stderr.contains("publish_port"), "{wrong:?}");
    }
}

#[test]
fn without_a_master_the_commands_say_so() {
    let fleet = Fleet::new(&FleetOptions::default());
    let ping = fleet.ctl(&["*", "test.ping"]);
    assert_eq!(ping.status, 69, "{ping:?}");
    assert!(ping.stderr.contains("master"), "{ping:?}");
}

#[test]
fn a_wrong_target_is_shown_with_its_place() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fleet.start_master();
    let wrong = fleet.ctl(&["-C", "web* and (db*", "test.ping"]);
    assert!(wrong.status == 64 || wrong.status == 2, "{wrong:?}");
    let empty = fleet.ctl(&["", "test.ping"]);
    assert!(empty.status == 64 || empty.status == 2, "{empty:?}");
    assert!(!empty.stderr.is_empty(), "{empty:?}");
}

#[test]
fn every_program_has_help_with_examples_and_a_version() {
    for name in ["saltmaster", "saltminion", "saltctl", "keyctl", "saltcall", "saltrun"] {
        let help = run(name, &["--help"]);
        assert_eq!(help.status, 0, "{name}: {help:?}");
        assert!(help.stdout.contains("Examples:"), "{name}: {help:?}");
        let version = run(name, &["--version"]);
        assert!(version.status == 0 && version.stdout.contains(env!("CARGO_PKG_VERSION")), "{name}: {version:?}");
    }
}
