//! The store's promises, over real databases.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::api::Standing;
use fleet_common::proto::job::{Job, Target, TargetKind};
use fleet_common::proto::ret::{End, Return};
use fleet_common::value::{Map, Value};

use super::*;

const DAY: u64 = 86_400_000;

struct Scene {
    _dir: tempfile::TempDir,
    options: StoreOptions,
    clock: Arc<AtomicU64>,
}

fn scene() -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicU64::new(20_000 * DAY));
    let now = clock.clone();
    let options = StoreOptions::new(dir.path(), Arc::new(move || now.load(Ordering::Relaxed)));
    Scene { _dir: dir, options, clock }
}

fn job(jid: &str, ids: &[&str], changes: bool) -> JobRow {
    let expected: Vec<MinionId> = ids.iter().map(|id| id.parse().unwrap()).collect();
    let target = Target::new(TargetKind::Glob, "*");
    JobRow {
        job: Job {
            jid: jid.parse().unwrap(),
            target: target.clone(),
            ids: None,
            fun: "test.ping".parse().unwrap(),
            arg: vec![Value::Str("x".repeat(200_000))],
            kwarg: Map::new(),
            by_reference: true,
            user: "root".into(),
            expires: 20_000 * DAY + 60_000,
            changes,
            follow: false,
        },
        target,
        expected,
        down: Vec::new(),
        created: 20_000 * DAY,
        durable: false,
    }
}

fn ret(jid: &str, id: &str, value: Value) -> Arc<Return> {
    Arc::new(Return {
        jid: jid.parse().unwrap(),
        id: id.parse().unwrap(),
        fun: "test.ping".parse().unwrap(),
        fun_args: Vec::new(),
        end: End::Returned,
        ret: value,
        retcode: 0,
        success: true,
        out: None,
        diagnostics: Vec::new(),
        started: 0,
        duration: 0.1,
        more: Map::new(),
    })
}

const JID: &str = "20261120000000000001";

/// Opens a store that was dropped just now: its writer lets go of the directory when it has ended.
async fn reopened(options: &StoreOptions) -> Store {
    loop {
        match Store::open(options.clone()) {
            Ok(store) => break store,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

#[tokio::test]
async fn jobs_and_returns_survive_reopening() {
    let scene = scene();
    let store = Store::open(scene.options.clone()).unwrap();
    let row = job(JID, &["a", "b"], true);
    store.create_job(row.clone()).await.unwrap();
    assert!(matches!(store.create_job(row.clone()).await, Err(StoreError::Exists(_))));
    let big = ret(JID, "a", Value::Str("y".repeat(300_000)));
    assert_eq!(store.record(big.clone(), true, true).await.unwrap(), Recorded::New);
    assert_eq!(store.record(big.clone(), true, true).await.unwrap(), Recorded::Duplicate);
    drop(store);
    let store = reopened(&scene.options).await;
    assert_eq!(store.job(row.job.jid.clone()).await.unwrap(), Some(row.clone()));
    assert_eq!(
        store.returns(row.job.jid.clone()).await.unwrap(),
        vec![Stored { at: 20_000 * DAY, ret: (*big).clone() }]
    );
    let expires = row.job.expires;
    assert_eq!(store.live(expires).await.unwrap(), vec![]);
    assert_eq!(store.live(u64::MAX).await.unwrap(), vec![row.job.jid.clone()]);
    assert!(store.try_close(&row.job.jid, expires));
    assert_eq!(store.note(row.job.jid.clone(), Vec::new()).await.unwrap(), 0);
    assert_eq!(store.live(u64::MAX).await.unwrap(), vec![]);
    assert_eq!(store.newest_jid().await.unwrap(), Some(row.job.jid));
}

#[tokio::test]
async fn a_late_return_lands_in_its_own_day_and_stays_single() {
    let scene = scene();
    let store = Store::open(scene.options.clone()).unwrap();
    store.create_job(job(JID, &["a", "b"], false)).await.unwrap();
    assert_eq!(store.record(ret(JID, "a", Value::Null), true, false).await.unwrap(), Recorded::New);
    scene.clock.fetch_add(DAY, Ordering::Relaxed);
    // The job is no longer in memory: the store finds it, and the return it had yesterday.
    assert_eq!(store.record(ret(JID, "a", Value::Null), false, false).await.unwrap(), Recorded::Duplicate);
    assert_eq!(store.record(ret(JID, "b", Value::Null), false, false).await.unwrap(), Recorded::New);
    assert_eq!(store.returns(JID.parse().unwrap()).await.unwrap().len(), 2);
    assert!(scene.options.dir.join("jobs/2024-10-04").exists() && scene.options.dir.join("jobs/2024-10-05").exists());
}

#[tokio::test]
async fn a_snapshot_that_was_cut_short_keeps_no_store_from_opening() {
    let scene = scene();
    let store = Store::open(scene.options.clone()).unwrap();
    store.create_job(job(JID, &["a"], true)).await.unwrap();
    drop(store);
    drop(reopened(&scene.options).await);
    for folder in ["jobs/2024-10-04", "minions"] {
        let cut = scene.options.dir.join(folder).join("snap.FFFFFFFFFFFFFFFF.generating");
        std::fs::write(cut, b"").unwrap();
    }
    let opening = tokio::time::timeout(Duration::from_secs(10), reopened(&scene.options));
    let store = opening.await.expect("the store opens");
    assert!(store.job(JID.parse().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn parts_of_a_day_are_one_to_whoever_asks() {
    let scene = scene();
    let store = Store::open(scene.options.clone()).unwrap();
    store.create_job(job(JID, &["a", "b"], false)).await.unwrap();
    assert_eq!(store.record(ret(JID, "a", Value::Null), true, false).await.unwrap(), Recorded::New);
    drop(store);
    std::fs::create_dir(scene.options.dir.join("jobs/2024-10-04.1")).unwrap();
    let store = reopened(&scene.options).await;
    assert_eq!(store.newest_jid().await.unwrap(), Some(JID.parse().unwrap()));
    assert_eq!(store.record(ret(JID, "a", Value::Null), true, false).await.unwrap(), Recorded::Duplicate);
    assert_eq!(store.record(ret(JID, "b", Value::Null), true, false).await.unwrap(), Recorded::New);
    assert_eq!(store.record(ret(JID, "b", Value::Null), false, false).await.unwrap(), Recorded::Duplicate);
    assert_eq!(store.returns(JID.parse().unwrap()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn returns_nobody_asked_for_are_bounded() {
    let scene = scene();
    let options = StoreOptions { unsolicited_rows: 2, ..scene.options.clone() };
    let store = Store::open(options).unwrap();
    store.create_job(job(JID, &["a"], false)).await.unwrap();
    let other = "20261120000000000009";
    assert_eq!(store.record(ret(JID, "stranger", Value::Null), false, false).await.unwrap(), Recorded::Unsolicited);
    assert_eq!(store.record(ret(other, "a", Value::Null), false, false).await.unwrap(), Recorded::Unsolicited);
    assert_eq!(store.record(ret(other, "a", Value::Null), false, false).await.unwrap(), Recorded::Duplicate);
    assert_eq!(store.record(ret(other, "b", Value::Null), false, false).await.unwrap(), Recorded::OverQuota);
    assert_eq!(store.returns(JID.parse().unwrap()).await.unwrap(), vec![]);
}

#[tokio::test]
async fn returns_nobody_asked_for_drive_no_job_out() {
    let scene = scene();
    let keep = Duration::from_secs(7 * 24 * 3600);
    let options = StoreOptions { keep, unsolicited_bytes: 100_000, ..scene.options.clone() };
    assert_eq!(StoreOptions { keep_bytes: 80_000, ..options.clone() }.unsolicited().bytes, 10_000);
    let store = Store::open(options.clone()).unwrap();
    // A minion each: one has its part only.
    let big = |number: u64| ret(&format!("{number:020}"), &format!("m{number}"), Value::Str("x".repeat(45_000)));
    let sent = async |store: &Store, number| store.record(big(number), false, false).await.unwrap();
    assert_eq!(sent(&store, 1).await, Recorded::Unsolicited);
    assert_eq!(sent(&store, 2).await, Recorded::Unsolicited);
    assert_eq!(sent(&store, 3).await, Recorded::OverQuota);
    // Neither the next day nor another master gives room for more; what was kept is known.
    scene.clock.fetch_add(DAY, Ordering::Relaxed);
    assert_eq!(sent(&store, 4).await, Recorded::OverQuota);
    assert_eq!(sent(&store, 1).await, Recorded::Duplicate);
    drop(store);
    let store = reopened(&options).await;
    assert_eq!(sent(&store, 5).await, Recorded::OverQuota);
    assert_eq!(sent(&store, 2).await, Recorded::Duplicate);
}

#[tokio::test]
async fn returns_nobody_asked_for_of_one_minion_leave_room_for_others() {
    let scene = scene();
    let options = StoreOptions { unsolicited_bytes: 100_000, ..scene.options.clone() };
    let store = Store::open(options.clone()).unwrap();
    let sent = async |store: &Store, number: u64, id: &str, size| {
        let ret = ret(&format!("{number:020}"), id, Value::Str("x".repeat(size)));
        store.record(ret, false, false).await.unwrap()
    };
    for number in 0..3 {
        assert_eq!(sent(&store, number, "a", 4_000).await, Recorded::Unsolicited);
    }
    assert_eq!(sent(&store, 4, "a", 4_000).await, Recorded::OverQuota);
    assert_eq!(sent(&store, 4, "b", 40_000).await, Recorded::Unsolicited, "its first may be large");
    assert_eq!(sent(&store, 5, "b", 1).await, Recorded::OverQuota);
    drop(store);
    let store = reopened(&options).await;
    assert_eq!(sent(&store, 6, "a", 4_000).await, Recorded::OverQuota);
    assert_eq!(sent(&store, 6, "c", 4_000).await, Recorded::Unsolicited);
}

#[tokio::test]
async fn the_ledger_only_moves_forward_and_a_return_ends_it() {
    let scene = scene();
    let store = Store::open(scene.options.clone()).unwrap();
    let mut row = job(JID, &["a", "b", "c"], false);
    row.down = vec!["c".parse().unwrap()];
    store.create_job(row.clone()).await.unwrap();
    let jid: Jid = JID.parse().unwrap();
    let note = async |id: &str, state, at| {
        let note = Note { id: id.parse().unwrap(), state, at, reason: Some("so".to_owned()) };
        store.note(jid.clone(), vec![note]).await.unwrap()
    };
    assert_eq!(note("a", Standing::Started, 7).await, 1);
    for backwards in [Standing::Expected, Standing::Sent, Standing::Received, Standing::Started] {
        assert_eq!(note("a", backwards, 8).await, 0, "{backwards:?}");
    }
    assert_eq!(note("c", Standing::Expired, 8).await, 0, "it was offline from the start");
    assert_eq!(note("stranger", Standing::Started, 8).await, 0);
    assert_eq!(note("a", Standing::Interrupted, 9).await, 1);
    assert_eq!(note("a", Standing::Offline, 9).await, 0, "a final state stays");
    store.record(ret(JID, "b", Value::Null), true, false).await.unwrap();
    assert_eq!(note("b", Standing::Offline, 9).await, 0, "it has answered");
    let view = async || {
        let (noted, returns) = (store.noted(jid.clone()).await.unwrap(), store.returns(jid.clone()).await.unwrap());
        crate::jobs::targets(&row, noted, &returns)
    };
    let found = view().await;
    let states: Vec<_> = found.iter().map(|target| (target.id.as_str(), target.state)).collect();
    let wanted = [("a", Standing::Interrupted), ("b", Standing::Finished), ("c", Standing::Offline)];
    assert_eq!(states, wanted);
    assert_eq!(found[0].steps.iter().map(|step| step.at).collect::<Vec<_>>(), [20_000 * DAY, 7, 9]);
    // What the minion itself says counts more than what was concluded.
    store.record(ret(JID, "a", Value::Null), true, false).await.unwrap();
    assert_eq!(view().await[0].state, Standing::Finished);
}

#[tokio::test]
async fn an_expired_job_is_found_by_its_new_time() {
    let scene = scene();
    let store = Store::open(scene.options.clone()).unwrap();
    let row = job(JID, &["a"], true);
    store.create_job(row.clone()).await.unwrap();
    assert!(store.expire(row.job.jid.clone(), 20_000 * DAY + 5).await.unwrap());
    assert_eq!(store.live(20_000 * DAY + 6).await.unwrap(), vec![row.job.jid.clone()]);
    assert_eq!(store.job(row.job.jid.clone()).await.unwrap().unwrap().job.expires, 20_000 * DAY + 5);
}

#[tokio::test]
async fn a_refused_job_is_seen_by_nobody_and_removed_even_after_a_restart() {
    let scene = scene();
    let other = "20261120000000000002";
    let dir = scene.options.dir.join("jobs");
    {
        let store = Store::open(scene.options.clone()).unwrap();
        for jid in [JID, other] {
            store.create_job(job(jid, &["web1"], true)).await.unwrap();
        }
    }
    // As a disk that failed, and a master that was killed before it could remove the job, leave it.
    super::refused::Refused::open(&dir.join(".refused")).unwrap().add([JID.parse().unwrap()]);
    let store = reopened(&scene.options).await;
    assert_eq!(store.job(JID.parse().unwrap()).await.unwrap(), None);
    assert_eq!(store.jobs(10).await.unwrap().len(), 1);
    assert_eq!(store.live(u64::MAX).await.unwrap(), [other.parse::<Jid>().unwrap()]);
    let answered = store.record(ret(JID, "web1", Value::Null), false, false).await.unwrap();
    assert_eq!(answered, Recorded::Unsolicited);
    drop(store);
    // It was not only hidden.
    assert!(super::refused::Refused::open(&dir.join(".refused")).unwrap().is_empty());
    let store = reopened(&scene.options).await;
    assert_eq!(store.jobs(10).await.unwrap().len(), 1);
}
