//! The master dies at named points of a job's way; a minion dies in the middle. Nothing starts twice, nothing is lost silently.

use std::fs;
use std::time::Duration;

use fleet_tests::harness::{Fleet, FleetOptions, wait_until};
use rustix::process::Signal;

/// Points of the master on the way of a job, in order.
const POINTS: &[&str] = &[
    "job.received",
    "job.resolved",
    "job.stored",
    "job.sealed",
    "job.published",
    "return.received",
    "return.queued",
    "return.streamed",
    "return.committed",
    "return.acknowledged",
];

#[test]
fn a_master_killed_at_any_point_starts_nothing_twice() {
    for point in POINTS {
        let mut fleet = Fleet::new(&FleetOptions::default());
        fleet.start_master();
        fleet.start_minion("web1", "");
        fleet.accept(&["web1"]);
        // No ping: its return, if it were not acknowledged, would come again, and the next master would die of it.
        let enrolled = wait_until(Duration::from_secs(20), || fleet.connected("web1").then_some(()));
        assert!(enrolled.is_some(), "{point}: {}", fleet.log("web1"));
        fleet.stop("master", Signal::TERM);
        fleet.die_at(point);
        fleet.start_master();
        let ready = wait_until(Duration::from_secs(10), || fleet.connected("web1").then_some(()));
        assert!(ready.is_some(), "{point}: the minion did not come back:\n{}", fleet.log("web1"));
        let starts = fleet.dir().join("starts");
        let line = format!("echo x >> {}", starts.display());
        let finished = fleet.ctl(&["web1", "cmd.run", &line, "-t", "3"]);
        let told = POINTS.iter().position(|p| p == point) >= POINTS.iter().position(|p| *p == "return.streamed");
        // Once the return was passed on, the command may have all it waits for.
        assert!(told || finished.status != 0, "{point}: the master lived on: {finished:?}");
        assert!(fleet.ended("master"), "{point}: the point was not passed");
        fleet.die_nowhere();
        fleet.start_master();
        fleet.wait_for(&["web1"]);
        let count = || fs::read_to_string(&starts).unwrap_or_default().lines().count();
        let published = POINTS.iter().position(|p| p == point) >= POINTS.iter().position(|p| *p == "job.published");
        if published {
            let ran = wait_until(Duration::from_secs(10), || (count() > 0).then_some(()));
            assert!(ran.is_some(), "{point}: published and not run:\n{}", fleet.log("web1"));
        }
        // What was not acknowledged is told again; a second start would come within a few beats.
        std::thread::sleep(Duration::from_millis(1500));
        assert!(count() <= 1, "{point}: started {} times", count());
    }
}

#[test]
fn a_minion_killed_at_any_point_starts_nothing_twice_and_tells() {
    let mut fleet = super::one();
    for (number, point) in ["minion.begun", "minion.ran", "minion.done", "minion.stored"].into_iter().enumerate() {
        fleet.stop("web1", Signal::KILL);
        fleet.die_at(point);
        let sessions = |fleet: &Fleet| fleet.log("web1").matches("connected to the master").count();
        let before = sessions(&fleet);
        fleet.restart_minion("web1");
        let ready = wait_until(Duration::from_secs(10), || (sessions(&fleet) > before).then_some(()));
        assert!(ready.is_some(), "{point}: {}", fleet.log("web1"));
        let starts = fleet.dir().join(format!("starts-{number}"));
        let line = format!("echo x >> {}", starts.display());
        let asked = fleet.ctl(&["web1", "cmd.run", &line, "-t", "2"]);
        assert!(fleet.ended("web1"), "{point}: the point was not passed: {asked:?}\n{}", fleet.log("web1"));
        fleet.die_nowhere();
        fleet.restart_minion("web1");
        fleet.wait_for(&["web1"]);
        std::thread::sleep(Duration::from_millis(700));
        let count = fs::read_to_string(&starts).unwrap_or_default().lines().count();
        assert_eq!(count, usize::from(point != "minion.begun"), "{point}: {}", fleet.log("web1"));
        let interrupted = fleet.log("web1").matches("a job was interrupted when the minion stopped").count();
        assert_eq!(interrupted, (number + 1).min(2), "{point}: {}", fleet.log("web1"));
    }
}

#[test]
fn a_minion_killed_in_the_middle_reports_an_interrupted_job() {
    let mut fleet = super::one();
    let starts = fleet.dir().join("starts");
    let line = format!("echo x >> {}; sleep 30", starts.display());
    let started = fleet.ctl(&["web1", "--async", "cmd.run", &line]);
    assert_eq!(started.status, 0, "{started:?}");
    let wrote = || fs::read_to_string(&starts).is_ok_and(|text| !text.is_empty());
    let begun = wait_until(Duration::from_secs(5), || wrote().then_some(()));
    assert!(begun.is_some());
    fleet.stop("web1", Signal::KILL);
    fleet.restart_minion("web1");
    fleet.wait_for(&["web1"]);
    let told = wait_until(Duration::from_secs(5), || fleet.log("web1").contains("interrupted").then_some(()));
    assert!(told.is_some(), "{}", fleet.log("web1"));
    assert_eq!(fs::read_to_string(&starts).unwrap().lines().count(), 1, "it was started again");
}
