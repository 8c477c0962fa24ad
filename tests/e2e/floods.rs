//! Floods of what is allowed: jobs without end, returns nobody asked for, one user's requests, connections without end.
//! Each is bounded and counted, and meanwhile everybody else is served.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use fleet_common::proto::request::{Reply, Request};
use fleet_common::value::Value;
use fleet_tests::attack::minion::session;
use fleet_tests::harness::account::{as_nobody, become_nobody, may_change_account, open_commands};
use fleet_tests::harness::raw::resident_of;
use fleet_tests::harness::{Finished, Fleet, FleetOptions, wait_until};
use fleet_tests::stand_in::answer;
use fleet_tests::swarm::disk;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::one;

/// How long something may take on a machine that has much else to do.
const LONG: Duration = Duration::from_secs(180);

fn with(master_config: &str) -> Fleet {
    let mut fleet = Fleet::new(&FleetOptions { master_config: master_config.to_owned(), ..FleetOptions::default() });
    fleet.start_master();
    for id in ["web1", "web2"] {
        fleet.start_minion(id, "");
    }
    fleet.accept(&["web1", "web2"]);
    fleet.wait_for(&["web1", "web2"]);
    fleet
}

fn health(fleet: &Fleet) -> Json {
    fleet.run(&["manage.health", "--out", "json"]).json()
}

/// A job whose return has a million letters.
fn big(fleet: &Fleet, id: &str) {
    let line = "head -c 1000000 /dev/zero | tr '\\0' x";
    let done = fleet.ctl(&[id, "cmd.run", line, "-t", "60", "--out", "json", "--static"]);
    assert_eq!(done.json()[id].as_str().map(str::len), Some(1_000_000), "{}", done.stderr);
}

/// Ids of the jobs that are kept, the oldest first.
fn kept(fleet: &Fleet) -> Vec<String> {
    let listed = fleet.run(&["jobs.list_jobs", "search_function=cmd.run", "--out", "json"]).json();
    listed.as_object().unwrap().keys().cloned().collect()
}

/// What is known of a job: how long web1's return is.
fn length(fleet: &Fleet, jid: &str) -> Option<usize> {
    let job = fleet.run(&["jobs.lookup_jid", jid, "--out", "json"]);
    job.json()["web1"].as_str().map(str::len)
}

#[test]
fn jobs_without_end_give_their_space_back_the_oldest_first() {
    let most = 24 << 20;
    let fleet = with(&format!("keep_jobs_bytes: {most}"));
    let store = fleet.dir().join("master/var/cache/salt/master/store/jobs");
    big(&fleet, "web1");
    let first = kept(&fleet)[0].clone();
    assert_eq!(length(&fleet, &first), Some(1_000_000));
    let mut highest = 0;
    let gone = wait_until(LONG, || {
        big(&fleet, "web1");
        highest = highest.max(disk(&store));
        (!kept(&fleet).contains(&first)).then_some(())
    });
    assert!(gone.is_some(), "{} bytes\n{}", disk(&store), fleet.tail("master"));
    // How much there was decided, and the space of what went is there again.
    assert!(highest > most / 2, "{highest}");
    let bounded = wait_until(LONG, || {
        big(&fleet, "web1");
        (disk(&store) <= most + most / 4).then_some(())
    });
    assert!(bounded.is_some(), "{} bytes, {highest} at most", disk(&store));
    // Whoever asks for one that is gone is told so; the newest is whole.
    let asked = fleet.ctl(&["--job", &first]);
    assert!(asked.status != 0 && asked.stderr.contains(&format!("there is no job {first}")), "{asked:?}");
    let newest = kept(&fleet).pop().unwrap();
    assert_eq!(length(&fleet, &newest), Some(1_000_000));
    assert!(fleet.log("master").contains("dropped old jobs"));
    assert!(health(&fleet)["store"]["parts_dropped"].as_u64() > Some(0), "{}", health(&fleet));
}

#[test]
fn jobs_that_are_too_old_are_dropped_with_their_day() {
    let fleet = with("keep_jobs_seconds: 3600");
    let store = fleet.dir().join("master/var/cache/salt/master/store/jobs");
    let days = || fs::read_dir(&store).unwrap().flatten().filter(|entry| entry.path().is_dir()).count();
    big(&fleet, "web1");
    let first = kept(&fleet);
    assert_eq!((first.len(), days()), (1, 1));
    // Three days later.
    fs::write(fleet.clock_path("master"), (3 * 86_400_000u64).to_string()).unwrap();
    big(&fleet, "web1");
    let dropped = wait_until(LONG, || (kept(&fleet).len() == 1 && days() == 1).then_some(()));
    assert!(dropped.is_some(), "{:?}\n{}", kept(&fleet), fleet.tail("master"));
    let now = kept(&fleet);
    assert!(now != first && length(&fleet, &now[0]) == Some(1_000_000), "{now:?}");
    assert_eq!(health(&fleet)["store"]["parts_dropped"], json!(1));
}

#[test]
fn returns_nobody_asked_for_are_kept_in_bounds_and_drive_no_job_out() {
    let most = 64u64 << 20;
    let fleet = with(&format!("keep_jobs_bytes: {most}"));
    let store = fleet.dir().join("master/var/cache/salt/master/store/jobs");
    big(&fleet, "web1");
    let first = kept(&fleet)[0].clone();
    let before = (disk(&store), resident_of(fleet.pid("master")));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // More than all jobs together may have, in returns of one mebibyte; web2 works meanwhile.
    let sent = 80u64;
    runtime.block_on(async {
        let (client, _dir) = session(&fleet, "web1").await;
        for number in 0..sent {
            let jid = format!("{number:020}").parse().unwrap();
            let ret = answer(jid, "web1".parse().unwrap(), Value::Str("x".repeat(1 << 20)));
            let reply = client.call(Request::Return(Box::new(ret))).await.unwrap();
            assert!(matches!(reply, Reply::Stored {}), "{reply:?}");
            if number % 20 == 0 {
                big(&fleet, "web2");
            }
        }
    });
    let counted = health(&fleet);
    let count = |name: &str| counted["store"][name].as_u64().unwrap();
    assert_eq!(count("unsolicited") + count("unsolicited_dropped"), sent, "{counted}");
    assert!((1..=8).contains(&count("unsolicited")), "an eighth of the space, no more: {counted}");
    let grown = (disk(&store) - before.0, resident_of(fleet.pid("master")) - before.1);
    assert!(grown.0 < most / 2 && grown.1 < 96, "{} bytes of disk, {} MiB of memory", grown.0, grown.1);
    // Nothing that was asked for went, and web1's own jobs are served as before.
    big(&fleet, "web1");
    assert_eq!((length(&fleet, &first), kept(&fleet).len()), (Some(1_000_000), 6));
    assert_eq!((count("parts_dropped"), count("returns_failed")), (0, 0));
    assert!(fleet.log("master").contains("over the quota"));
}

/// Everything an operator needs goes on.
fn served(fleet: &Fleet) -> Json {
    let ping = fleet.ctl(&["web1", "test.ping", "-t", "60", "--out", "json", "--static"]);
    assert_eq!(ping.json(), json!({"web1": true}), "{ping:?}\n{}", fleet.tail("master"));
    assert_eq!(fleet.key(&["-L", "--out", "json"]).json()["minions"], json!(["web1", "web2"]));
    health(fleet)
}

/// Runs what another account does on a thread of its own; tells what it returns.
fn nobody_does<T: Send + 'static, F: Future<Output = T>>(
    work: impl FnOnce() -> F + Send + 'static,
) -> thread::JoinHandle<T> {
    thread::spawn(move || {
        become_nobody();
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work())
    })
}

/// One flood after the other, as another account: each goes on until `ends` counts further.
async fn flood(at: PathBuf, jid: String, mut ends: watch::Receiver<u32>, tell: Sender<()>) {
    // Connections that say nothing, three times as many as one user may have.
    let mut open = Vec::new();
    for _ in 0..192 {
        open.push(UnixStream::connect(&at).await.unwrap());
    }
    ends.wait_for(|stage| *stage == 1).await.unwrap();
    drop(open);
    let mut writing = JoinSet::new();
    let body: Arc<[u8]> = vec![b' '; 15_999_999].into();
    for _ in 0..40 {
        writing.spawn(large_requests(at.clone(), body.clone()));
    }
    ends.wait_for(|stage| *stage == 2).await.unwrap();
    drop(writing);
    let _unread = unread_answers(&at, &jid).await;
    tell.send(()).unwrap();
    ends.wait_for(|stage| *stage == 3).await.unwrap();
}

/// Large requests that never come to their end.
async fn large_requests(at: PathBuf, body: Arc<[u8]>) {
    loop {
        let mut stream = UnixStream::connect(&at).await.unwrap();
        // Refused at once or in the middle: once more.
        let _ = stream.write_all(b"POST /jobs HTTP/1.1\r\nHost: master\r\nContent-Length: 16000000\r\n\r\n").await;
        let _ = stream.write_all(&body).await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}

/// Large answers of which nobody reads more than the first byte: as many as there can be.
async fn unread_answers(at: &Path, jid: &str) -> Vec<(UnixStream, bool)> {
    let ask = format!("GET /jobs/{jid} HTTP/1.1\r\nHost: master\r\n\r\n");
    let mut asked: Vec<(UnixStream, bool)> = Vec::new();
    while asked.iter().filter(|(_, answered)| *answered).count() < 16 {
        if asked.len() < 60 {
            let mut stream = UnixStream::connect(at).await.unwrap();
            let _ = stream.write_all(ask.as_bytes()).await;
            asked.push((stream, false));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        asked.retain_mut(|(stream, answered)| {
            let read = if *answered { Ok(1) } else { stream.try_read(&mut [0]) };
            *answered = read.as_ref().is_ok_and(|read| *read > 0);
            *answered || read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
        });
    }
    asked
}

#[test]
fn one_users_requests_starve_nobody_else() {
    if !may_change_account("one_users_requests_starve_nobody_else") {
        return;
    }
    let fleet = with("publisher_acl:\n  nobody:\n    - cmd.run\n    - test.ping\n");
    let (bin, config, socket) = (open_commands(&fleet), fleet.master_config_dir(), fleet.api_socket());
    let ctl = |args: &[&str]| -> Finished {
        as_nobody(
            &bin.join("saltctl"),
            &[&["-c", config.to_str().unwrap(), "--out", "json", "--static"], args].concat(),
        )
    };
    let line = "head -c 1000000 /dev/zero | tr '\\0' x";
    assert_eq!(ctl(&["web1", "cmd.run", line, "-t", "60"]).status, 0);
    let jid = kept(&fleet)[0].clone();
    let before = resident_of(fleet.pid("master"));
    let grown = || resident_of(fleet.pid("master")).saturating_sub(before);

    let (end, ends) = watch::channel(0);
    let (tell, told) = std::sync::mpsc::channel();
    let flood = nobody_does(move || flood(socket, jid, ends, tell));
    let until = |name: &str, least: u64| {
        wait_until(LONG, || (served(&fleet)["api"][name].as_u64() >= Some(least)).then_some(()))
            .unwrap_or_else(|| panic!("{name}: {}", health(&fleet)))
    };
    until("refused", 128);
    assert_ne!(ctl(&["web1", "test.ping"]).status, 0, "it has no connection left");
    served(&fleet);
    end.send(1).unwrap();
    until("unread", 4);
    let large = grown();
    end.send(2).unwrap();
    told.recv().unwrap();
    for _ in 0..5 {
        served(&fleet);
    }
    let unread = grown();
    assert!(large < 96 && unread < 160, "{large} and {unread} MiB");
    end.send(3).unwrap();
    flood.join().unwrap();
    let again = wait_until(LONG, || (ctl(&["web1", "test.ping"]).status == 0).then_some(()));
    assert!(again.is_some(), "{:?}", ctl(&["web1", "test.ping"]));
}

/// No file can be opened any more: connections wait, and are taken when there is room.
#[test]
fn a_master_without_files_to_open_goes_on_when_there_are_some() {
    let fleet = one();
    let pid = Pid::from_raw(fleet.pid("master") as i32);
    let usual = getrlimit(Resource::Nofile);
    let limit = |files| {
        prlimit(pid, Resource::Nofile, Rlimit { current: Some(files), maximum: usual.maximum }).unwrap();
    };
    limit(3);
    let waiting = std::net::TcpStream::connect(("127.0.0.1", fleet.request_port)).unwrap();
    let said = || fleet.log("master").matches("a connection could not be accepted").count();
    assert!(wait_until(LONG, || (said() > 0).then_some(())).is_some(), "{}", fleet.tail("master"));
    limit(4096);
    let counted = wait_until(LONG, || {
        let counted = fleet.run(&["manage.health", "--out", "json"]);
        (counted.status == 0).then(|| counted.json()["requests"]["accept_errors"].as_u64())
    });
    assert!(counted.flatten() > Some(0), "{}", fleet.tail("master"));
    assert_eq!(fleet.ctl(&["web1", "test.ping", "--out", "json", "--static"]).json(), json!({"web1": true}));
    assert_eq!(said(), 1, "anybody can cause these lines: they must not fill the disk");
    drop(waiting);
}
