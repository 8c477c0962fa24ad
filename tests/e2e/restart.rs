//! Either side goes away and comes back, in any order.

use std::time::{Duration, Instant};

use fleet_tests::harness::wait_until;
use rustix::process::Signal;

use super::{one, three};

#[test]
fn minions_answer_again_after_the_master_was_killed() {
    let mut fleet = three();
    fleet.stop("master", Signal::KILL);
    fleet.start_master();
    let start = Instant::now();
    fleet.wait_for(&["web1", "web2", "db1"]);
    assert!(start.elapsed() < Duration::from_secs(8), "took {:?}", start.elapsed());
}

#[test]
fn minions_that_were_there_before_the_master_find_it() {
    let mut fleet = one();
    fleet.stop("master", Signal::TERM);
    fleet.stop("web1", Signal::TERM);
    fleet.restart_minion("web1");
    std::thread::sleep(Duration::from_millis(500));
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
    assert!(start.elapsed() < Duration::from_secs(3), "took {:?}", start.elapsed());
}

#[test]
fn a_job_outlives_a_restart_of_its_minion_and_is_reported_by_the_next_one() {
    let mut fleet = one();
    let marks = fleet.dir().join("marks");
    let line = format!("echo begun >> {0}; sleep 2; echo ended >> {0}; echo heard", marks.display());
    let started = fleet.ctl(&["web1", "--async", "cmd.run", &line]);
    let label = |word: &&str| word.len() == 20 && word.bytes().all(|byte| byte.is_ascii_digit());
    let jid = started.stdout.split_whitespace().find(label).expect("a job's label");
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
