//! Either side goes away and comes back, in any order.

use std::time::{Duration, Instant};

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
