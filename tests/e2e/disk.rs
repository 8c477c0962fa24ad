//! The disk under the master's store is full: jobs are refused, nothing that was accepted is lost, and space is enough
//! to go on.

use std::fs;
use std::time::Duration;

use fleet_tests::harness::{Disk, Fleet, FleetOptions, skip, wait_until};

/// It ends when there is no space for what it answers: its minion keeps the return until there is.
#[test]
fn a_return_waits_for_space_on_its_minion() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    let disk = match Disk::mount(&fleet.dir().join("master/var/cache"), 64) {
        Ok(disk) => disk,
        Err(reason) => return skip("a_return_waits_for_space_on_its_minion", &reason),
    };
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    let go = fleet.dir().join("go");
    let line = format!("while ! test -e {}; do sleep 0.05; done; head -c 3000000 /dev/zero | tr '\\0' x", go.display());
    let asked = fleet.ctl(&["--async", "web1", "cmd.run", &line]);
    let jid = asked.stdout.split_whitespace().find(|word| word.len() == 20).unwrap_or_else(|| panic!("{asked:?}"));
    disk.fill();
    fs::write(&go, "").unwrap();
    let failed = || fleet.run(&["manage.health", "--out", "json"]).json()["store"]["returns_failed"].as_u64();
    let seen = wait_until(Duration::from_secs(60), || (failed() > Some(0)).then_some(()));
    assert!(seen.is_some(), "{:?}\n{}", failed(), fleet.tail("master"));
    disk.free();
    let kept = || fleet.run(&["jobs.lookup_jid", jid, "--out", "json"]).json()["web1"].as_str().map(str::len);
    let came = wait_until(Duration::from_secs(60), || (kept() == Some(3_000_000)).then_some(()));
    assert!(came.is_some(), "{:?}\n{}\n{}", kept(), fleet.tail("master"), fleet.tail("web1"));
}

#[test]
fn a_full_disk_refuses_jobs_and_needs_no_restart() {
    let fleet = Fleet::new(&FleetOptions::default());
    match Disk::mount(&fleet.dir().join("master/var/cache"), 64) {
        Ok(disk) => refuses_and_goes_on(fleet, &disk),
        Err(reason) => skip("a_full_disk_refuses_jobs_and_needs_no_restart", &reason),
    }
}

#[test]
fn a_file_system_that_is_full_when_it_writes_refuses_jobs_and_needs_no_restart() {
    let fleet = Fleet::new(&FleetOptions::default());
    match Disk::mount_image(&fleet.dir().join("master/var/cache"), 64) {
        Ok(disk) => refuses_and_goes_on(fleet, &disk),
        Err(reason) => {
            skip("a_file_system_that_is_full_when_it_writes_refuses_jobs_and_needs_no_restart", &reason);
        }
    }
}

fn refuses_and_goes_on(mut fleet: Fleet, disk: &Disk) {
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    let starts = fleet.dir().join("starts");
    let line = format!("echo x >> {}", starts.display());
    let big = "x".repeat(40_000);
    let run = || fleet.ctl(&["web1", "cmd.run", &line, &format!("env={{BIG: {big}}}"), "--out", "json", "--static"]);
    let started = || fs::read_to_string(&starts).unwrap_or_default().lines().count();
    let counted = |wanted: usize| wait_until(Duration::from_secs(5), || (started() == wanted).then_some(()));
    assert_eq!(run().status, 0);

    disk.fill();
    let mut accepted = 1;
    let refused = (0..60).find_map(|_| {
        let finished = run();
        accepted += usize::from(finished.status == 0);
        (finished.status != 0).then_some(finished)
    });
    let refused = refused.expect("60 jobs of 40 kB need space");
    assert!(refused.stderr.contains("cannot be used"), "{refused:?}");
    assert!(counted(accepted).is_some(), "{accepted} accepted, {} started", started());
    let health = fleet.run(&["manage.health", "--out", "json"]).json();
    assert!(health["store"]["commits_failed"].as_u64() > Some(0), "{health}");

    disk.free();
    let again = wait_until(Duration::from_secs(10), || (run().status == 0).then_some(()));
    assert!(again.is_some(), "{:?}\n{}", run(), fleet.tail("master"));
    assert!(counted(accepted + 1).is_some(), "{accepted} accepted, {} started", started());
    let listed = fleet.run(&["jobs.list_jobs", "search_function=cmd.run", "--out", "json"]).json();
    for jid in listed.as_object().unwrap().keys() {
        let job = fleet.run(&["jobs.print_job", jid, "--out", "json"]).json();
        println!("{}", job[jid]["Ledger"]);
    }
    // None of the refused ones is among them.
    assert!(listed.as_object().is_some_and(|jobs| jobs.len() == accepted + 1), "{accepted} accepted: {listed}");
}
