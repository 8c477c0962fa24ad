//! Jobs: targets, returns, outputs, exit statuses.

use std::process::Stdio;
use std::time::Duration;

use fleet_tests::harness::wait_until;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{one, three};

#[test]
fn targets_returns_and_exit_statuses() {
    let fleet = three();
    let ping = |args: &[&str]| {
        let finished = fleet.ctl(&[args, &["test.ping", "--out", "json", "--static"]].concat());
        (finished.status, serde_json::from_str::<serde_json::Value>(&finished.stdout).unwrap_or(json!(finished.stdout)))
    };
    assert_eq!(ping(&["*"]), (0, json!({"db1": true, "web1": true, "web2": true})));
    assert_eq!(ping(&["web*"]), (0, json!({"web1": true, "web2": true})));
    assert_eq!(ping(&["-G", "os:CentOS"]), (0, json!({"web2": true})));
    assert_eq!(ping(&["-L", "web1,db1"]), (0, json!({"db1": true, "web1": true})));
    assert_eq!(ping(&["-C", "web* and not G@os:CentOS"]), (0, json!({"web1": true})));
    assert_eq!(ping(&["-E", "^(web1|db).*"]), (0, json!({"db1": true, "web1": true})));
    assert_eq!(ping(&["nobody*"]).0, 2);

    let failing = fleet.ctl(&["web1", "cmd.run", "exit 3"]);
    assert_eq!(failing.status, 1, "{failing:?}");
    let unknown = fleet.ctl(&["web1", "test.pign"]);
    assert_eq!(unknown.status, 1, "{unknown:?}");
    assert!(unknown.stdout.contains("'test.pign' is not available"), "{unknown:?}");
    let nonsense = fleet.ctl(&["--no-such-option"]);
    assert_eq!(nonsense.status, 64, "{nonsense:?}");
}

#[test]
fn arguments_reach_the_function_as_typed() {
    let fleet = one();
    let args = ["web1", "test.arg", "1", "two", "three=3", "four=[a, {b: yes}]", "--out", "json", "--static"];
    let seen = fleet.ctl(&args).json();
    assert_eq!(seen["web1"]["args"], json!([1, "two"]));
    assert_eq!(seen["web1"]["kwargs"]["three"], json!(3));
    assert_eq!(seen["web1"]["kwargs"]["four"], json!(["a", {"b": true}]));
}

#[test]
fn a_dead_minion_is_named_at_once() {
    let mut fleet = three();
    fleet.stop("db1", Signal::KILL);
    let finished = fleet.ctl(&["*", "test.ping", "-t", "120"]);
    assert_eq!(finished.status, 3, "{finished:?}");
    assert!(finished.took < Duration::from_secs(60), "it was waited for: {finished:?}");
    assert!(format!("{}{}", finished.stdout, finished.stderr).contains("db1"), "{finished:?}");
    assert!(finished.stdout.contains("web1") && finished.stdout.contains("web2"), "{finished:?}");
}

#[test]
fn a_frozen_minion_is_named_within_the_wait() {
    let fleet = three();
    fleet.signal("db1", Signal::STOP);
    let finished = fleet.ctl(&["*", "test.ping", "-t", "2"]);
    assert_eq!(finished.status, 3, "{finished:?}");
    assert!(format!("{}{}", finished.stdout, finished.stderr).contains("db1"), "{finished:?}");
    fleet.signal("db1", Signal::CONT);
    fleet.wait_for(&["db1"]);
}

#[test]
fn a_job_can_be_started_and_left() {
    let fleet = one();
    let (gate, mark) = (fleet.dir().join("gate"), fleet.dir().join("left"));
    let line = format!("until test -e {}; do sleep 0.05; done; touch {}", gate.display(), mark.display());
    let started = fleet.ctl(&["web1", "--async", "cmd.run", &line]);
    assert_eq!(started.status, 0, "{started:?}");
    assert!(started.stdout.split_whitespace().any(|word| word.len() == 20 && word.bytes().all(|b| b.is_ascii_digit())));
    assert!(!mark.exists(), "it waited for the end");
    std::fs::write(gate, "").unwrap();
    assert!(wait_until(Duration::from_secs(5), || mark.exists().then_some(())).is_some());
}

#[test]
fn whoever_interrupts_is_told_how_to_follow() {
    let fleet = one();
    let (begun, gate) = (fleet.dir().join("begun"), fleet.dir().join("gate"));
    let line = format!("touch {}; until test -e {}; do sleep 0.05; done; echo over", begun.display(), gate.display());
    let mut command = fleet.ctl_command(&["web1", "cmd.run", &line]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    assert!(wait_until(Duration::from_secs(10), || begun.exists().then_some(())).is_some());
    // The command hears of its job at about the time at which the minion does.
    std::thread::sleep(Duration::from_millis(400));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{told}");
    let follow = told.lines().find_map(|line| line.split_once("saltctl ")).unwrap_or_else(|| panic!("{told}")).1;
    let words: Vec<&str> = follow.split_whitespace().collect();
    assert!(matches!(words[..], ["--job", _, "--follow"]), "{told}");
    std::fs::write(gate, "").unwrap();
    let followed = fleet.ctl(&words);
    assert!(followed.status == 0 && followed.stdout.contains("over"), "{followed:?}");
    // Long after, too.
    let shown = fleet.ctl(&words[..2]);
    assert!(shown.status == 0 && shown.stdout.contains("over"), "{shown:?}");
}

#[test]
fn hundred_jobs_in_a_row_all_come_back() {
    let fleet = three();
    for n in 0..100 {
        let seen = fleet.ctl(&["*", "test.echo", &format!("n{n}"), "--out", "json", "--static"]).json();
        let text = json!(format!("n{n}"));
        assert_eq!(seen, json!({"db1": text, "web1": text, "web2": text}));
    }
}
