//! Functions that hang, crash or eat memory end alone; ping never waits for them.

use std::time::{Duration, Instant};

use fleet_tests::harness::wait_until;
use serde_json::json;

use super::one;

#[test]
fn a_timeout_ends_the_whole_process_group() {
    let fleet = one();
    let mark = fleet.dir().join("mark");
    let line = format!("(sleep 3; touch {}) & sleep 30", mark.display());
    let start = Instant::now();
    let finished = fleet.ctl(&["web1", "cmd.run", &line, "timeout=1", "--out", "json", "--static"]);
    assert!(start.elapsed() < Duration::from_secs(10), "{finished:?}");
    assert!(finished.stdout.contains("Timed out"), "{finished:?}");
    std::thread::sleep(Duration::from_secs(3));
    assert!(!mark.exists(), "a grandchild outlived the timeout");
}

#[test]
fn ping_answers_while_jobs_run_and_a_job_can_be_killed() {
    let fleet = one();
    let started = fleet.ctl(&["web1", "--async", "cmd.run", "sleep 60"]);
    assert_eq!(started.status, 0, "{started:?}");
    let running = wait_until(Duration::from_secs(5), || {
        let seen = fleet.ctl(&["web1", "saltutil.running", "--out", "json", "--static"]).json();
        let job = seen["web1"].as_array()?.iter().find(|job| job["fun"] == json!("cmd.run"))?.clone();
        job["jid"].as_str().map(str::to_owned)
    });
    let jid = running.unwrap_or_else(|| panic!("the job does not show:\n{}", fleet.tail("web1")));
    assert_eq!(fleet.ctl(&["web1", "test.ping", "--out", "json", "--static"]).json(), json!({"web1": true}));
    let killed = fleet.ctl(&["web1", "saltutil.kill_job", &jid]);
    assert_eq!(killed.status, 0, "{killed:?}");
    let gone = wait_until(Duration::from_secs(5), || {
        let seen = fleet.ctl(&["web1", "saltutil.find_job", &jid, "--out", "json", "--static"]).json();
        (seen["web1"] == json!({})).then_some(())
    });
    assert!(gone.is_some(), "the job still runs");
}

#[test]
fn a_function_that_fails_leaves_the_daemon_alone() {
    let fleet = one();
    let before = fleet.pid("web1");
    let finished = fleet.ctl(&["web1", "cmd.run", "kill -9 $PPID"]);
    assert_eq!(finished.status, 1, "{finished:?}");
    assert_eq!(fleet.ctl(&["web1", "test.ping", "--out", "json", "--static"]).json(), json!({"web1": true}));
    assert_eq!(fleet.pid("web1"), before);
}
