//! What a minion says, where people read it: on terminals and in logs. It may say what it likes, and steers neither.

use std::fs;

use fleet_tests::harness::{Fleet, FleetOptions, on_terminal, skip};
use serde_json::json;

use super::one;

/// Clears the screen, writes to the clipboard, sets the title, overwrites a line, in several dialects.
const STEERS: &str = "a\u{1b}[2Jb\u{1b}]52;c;cm0gLXJmIC8=\u{7}c\u{1b}]0;owned\u{1b}\\d\rright\u{8}\u{8}\u{9b}2J";

#[test]
fn what_a_minion_says_steers_no_terminal() {
    let test = "what_a_minion_says_steers_no_terminal";
    let fleet = one();
    let file = fleet.dir().join("evil");
    fs::write(&file, STEERS).unwrap();
    fs::write(
        fleet.dir().join("srv/salt/evil.sls"),
        format!("evil:\n  cmd.run:\n    - name: cat {}\n", file.display()),
    )
    .unwrap();
    let cat = format!("cat {}", file.display());
    for out in ["nested", "txt", "yaml", "raw", "json", "highstate", "newline_values_only", "pprint", "table"] {
        for args in [
            &["web1", "cmd.run", &cat, "--out", out][..],
            &["web1", "cmd.run_stderr", &format!("{cat} >&2"), "--out", out, "--static"],
            &["web1", "state.apply", "evil", "--out", out],
        ] {
            let Some(shown) = on_terminal(&fleet.ctl_command(args)) else {
                return skip(test, "the program 'script' is not there");
            };
            // A table has no place for a text.
            let is_there = shown.contains("right") || (out == "table" && shown.contains("web1"));
            assert!(is_there, "{args:?}: {shown:?}");
            for steers in ["\u{1b}[2J", "\u{1b}]", "\rright", "\u{8}", "\u{9b}", "\u{7}"] {
                assert!(!shown.contains(steers), "{args:?}: {steers:?} in {shown:?}");
            }
        }
    }
    // Who reads it with a program gets it as it is.
    let exact = fleet.ctl(&["web1", "cmd.run", &cat, "--out", "json", "--static"]).json();
    assert_eq!(exact, json!({"web1": STEERS}));
}

#[test]
fn what_a_minion_says_is_no_event_of_a_log_or_of_the_audit() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    let srv = fleet.dir().join("srv/pillar");
    fs::write(srv.join("top.sls"), "base:\n  '*':\n    - data\n").unwrap();
    // A template that fails with what the minion told of itself.
    fs::write(srv.join("data.sls"), "{{ raise(grains['evil']) }}\n").unwrap();
    fleet.start_master();
    let forged = "2026-01-01T00:00:00.000000Z  INFO session opened minion=forged";
    fleet.start_minion("web1", &format!("grains:\n  evil: \"x\\n{forged}\\e[2J\"\n"));
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    fleet.ctl(&["web1", "saltutil.refresh_pillar"]);
    assert_ne!(fleet.ctl(&["web1", "state.apply"]).status, 0, "no state runs without its pillar");
    let said = fleet.ctl(&["web1", "test.echo", &format!("y\n{forged}"), "--out", "json", "--static"]);
    assert_eq!(said.json(), json!({"web1": format!("y\n{forged}")}));
    let log = fleet.log("master");
    assert!(log.contains(forged), "the log does not tell what was said:\n{log}");
    assert!(!log.lines().any(|line| line.starts_with(forged)) && !log.contains('\u{1b}'), "{log}");
    let audit = fs::read_to_string(fleet.dir().join("master/var/log/salt/audit")).unwrap();
    assert!(audit.contains("session opened minion=forged"), "{audit}");
    for line in audit.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(entry["outcome"].is_string(), "{line}");
    }
}
