//! Either side goes away and comes back, in any order.

use std::fs;
use std::time::{Duration, Instant};

use fleet_tests::harness::proxy::Proxy;
use fleet_tests::harness::{Fleet, wait_until};
use rustix::process::Signal;
use serde_json::Value;

use super::{one, three};
use fleet_tests::attack::between::point_at;

#[test]
fn minions_answer_again_after_the_master_was_killed() {
    let mut fleet = three();
    fleet.stop("master", Signal::KILL);
    fleet.start_master();
    fleet.wait_for(&["web1", "web2", "db1"]);
}

#[test]
fn minions_that_were_there_before_the_master_find_it() {
    let mut fleet = one();
    fleet.stop("master", Signal::TERM);
    fleet.stop("web1", Signal::TERM);
    fleet.restart_minion("web1");
    let tried = wait_until(Duration::from_secs(10), || fleet.log("web1").contains("no session").then_some(()));
    assert!(tried.is_some(), "{}", fleet.log("web1"));
    fleet.start_master();
    fleet.wait_for(&["web1"]);
}

#[test]
fn a_killed_minion_comes_back_and_answers() {
    let mut fleet = one();
    fleet.stop("web1", Signal::KILL);
    fleet.restart_minion("web1");
    fleet.wait_for(&["web1"]);
}

#[test]
fn daemons_stop_cleanly_when_told() {
    let mut fleet = one();
    let start = Instant::now();
    fleet.stop("web1", Signal::TERM);
    fleet.stop("master", Signal::TERM);
    assert!(start.elapsed() < Duration::from_secs(20), "they were killed after {:?}", start.elapsed());
}

#[test]
fn a_job_outlives_a_restart_of_its_minion_and_is_reported_by_the_next_one() {
    let mut fleet = one();
    let marks = fleet.dir().join("marks");
    let line = format!("echo begun >> {0}; sleep 2; echo ended >> {0}; echo heard", marks.display());
    let started = fleet.ctl(&["web1", "--async", "cmd.run", &line]);
    let jid = &label(&started.stdout);
    wait_until(Duration::from_secs(5), || marks.exists().then_some(())).expect("the job began");
    fleet.stop("web1", Signal::TERM);
    fleet.restart_minion("web1");
    fleet.wait_for(&["web1"]);
    let reported = wait_until(Duration::from_secs(10), || {
        fleet.run(&["jobs.lookup_jid", jid]).stdout.contains("heard").then_some(())
    });
    assert!(reported.is_some(), "{}", fleet.log("web1"));
    assert_eq!(std::fs::read_to_string(&marks).unwrap(), "begun\nended\n");
}

/// The job id that a command line with `--async` tells.
fn label(said: &str) -> String {
    let label = |word: &&str| word.len() == 20 && word.bytes().all(|byte| byte.is_ascii_digit());
    said.split_whitespace().find(label).expect("a job's label").to_owned()
}

/// A run of three chunks whose second one waits for the file `go`.
fn begin_run(fleet: &Fleet) -> String {
    let dir = fleet.dir().display();
    let tree = format!(
        "first:\n  cmd.run:\n    - name: echo first >> {dir}/ran\nsecond:\n  cmd.run:\n    - name: until test -e {dir}/go; do \
         sleep 0.05; done; echo second >> {dir}/ran\nthird:\n  file.managed:\n    - name: {dir}/third\n    - contents: done\n"
    );
    let file = fleet.dir().join("srv/salt/slow.sls");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, tree).unwrap();
    let jid = label(&fleet.ctl(&["web1", "--async", "state.apply", "slow"]).stdout);
    wait_until(Duration::from_secs(30), || fleet.dir().join("ran").exists().then_some(())).expect("the run began");
    jid
}

#[test]
fn a_state_run_outlives_a_cut_connection_and_a_killed_master_and_is_reported_once() {
    let mut fleet = one();
    let (request, publish) = (Proxy::to(fleet.request_port), Proxy::to(fleet.publish_port));
    fleet.stop("web1", Signal::TERM);
    point_at(&fleet, "web1", request.port, publish.port);
    fleet.restart_minion("web1");
    fleet.wait_for(&["web1"]);
    let jid = begin_run(&fleet);
    request.cut();
    publish.cut();
    fleet.wait_for(&["web1"]);
    fleet.stop("master", Signal::KILL);
    fs::write(fleet.dir().join("go"), "").unwrap();
    let ended = wait_until(Duration::from_secs(30), || fleet.dir().join("third").exists().then_some(()));
    assert!(ended.is_some(), "{}", fleet.tail("web1"));
    fleet.start_master();
    let told = fleet.ctl(&["--job", &jid, "--follow", "--out", "json", "--static"]);
    assert_eq!(told.status, 0, "{told:?}");
    let chunks = told.json()["web1"].as_object().cloned().unwrap_or_default();
    assert_eq!(chunks.values().filter(|chunk| chunk["result"] == Value::Bool(true)).count(), 3, "{told:?}");
    assert_eq!(fs::read_to_string(fleet.dir().join("ran")).unwrap(), "first\nsecond\n");
    let kept = fleet.run(&["jobs.list_job", &jid, "--out", "json"]);
    assert_eq!(kept.json()["Result"].as_object().map(serde_json::Map::len), Some(1), "{kept:?}");
}

#[test]
fn whoever_follows_a_run_later_sees_how_far_it_is() {
    let fleet = one();
    let jid = begin_run(&fleet);
    // The run stands in its second chunk: what is told now was known before anybody watched.
    let mut follow = fleet.ctl_command(&["--job", &jid, "--follow", "--progress"]);
    let log = fs::File::create(fleet.dir().join("seen")).unwrap();
    let mut follow = follow.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let seen = || fs::read_to_string(fleet.dir().join("seen")).unwrap();
    let far = wait_until(Duration::from_secs(30), || seen().contains("1 of 3").then_some(()));
    fs::write(fleet.dir().join("go"), "").unwrap();
    let status = follow.wait().unwrap();
    assert!(far.is_some(), "{}", seen());
    assert!(status.success() && seen().contains("3 of 3") && seen().contains("Succeeded: 3"), "{}", seen());
}
