//! The living ledger over a real store: owed, begun, forgotten, cancelled, given up, restarted.

use std::sync::Arc;

use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::api::Standing;
use fleet_common::proto::job::{Job, Target, TargetKind};
use fleet_common::proto::ret::Progress;
use fleet_common::value::Map;

use super::settle::GRACE;
use super::*;
use crate::minions::Minions;
use crate::store::{JobRow, Store, StoreOptions};

const START: u64 = 20_000 * 86_400_000;
const LIFE: u64 = 60_000;

struct Scene {
    _dir: tempfile::TempDir,
    store: Store,
    minions: Minions,
}

fn id(name: &str) -> MinionId {
    name.parse().unwrap()
}

fn jid(number: u64) -> Jid {
    format!("{number:020}").parse().unwrap()
}

impl Scene {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions::new(dir.path(), Arc::new(|| START))).unwrap();
        let minions = Minions::load(store.clone()).await.unwrap();
        Self { _dir: dir, store, minions }
    }

    /// Keeps a job meant for `a` and, down, `gone`.
    async fn job(&self, number: u64, durable: bool) {
        self.store.create_job(row(number, durable)).await.unwrap();
    }

    /// How the targets stand on disk. Steps are queued for the one writer and not waited for; an empty note that is
    /// waited for comes after all of them.
    async fn states(&self, number: u64) -> Vec<Standing> {
        self.store.note(jid(number), Vec::new()).await.unwrap();
        let row = self.store.job(jid(number)).await.unwrap().unwrap();
        let noted = self.store.noted(jid(number)).await.unwrap();
        targets(&row, noted, &[]).into_iter().map(|target| target.state).collect()
    }
}

/// A job meant for `a` and, down, `gone`.
fn row(number: u64, durable: bool) -> JobRow {
    let target = Target::new(TargetKind::List, "a,gone");
    let job = Job {
        jid: jid(number),
        target: target.clone(),
        ids: None,
        fun: "cmd.run".parse().unwrap(),
        arg: Vec::new(),
        kwarg: Map::new(),
        by_reference: false,
        user: "root".into(),
        expires: START + LIFE,
        changes: true,
        follow: false,
    };
    let (expected, down) = (vec![id("a"), id("gone")], vec![id("gone")]);
    JobRow { job, target, expected, down, created: START, durable }
}

/// A job in memory of which `a` has not answered.
fn active(number: u64) -> Arc<Active> {
    let JobRow { job, expected, down, created, durable, .. } = row(number, false);
    let parts = Parts { published: (job, None), expected, down, durable, created };
    Arc::new(Active::new(parts, [(id("a"), Standing::Sent)]))
}

fn owed(jobs: &Jobs, who: &str, begun: &[Jid], now: u64) -> Vec<Jid> {
    jobs.owed(&id(who), begun, now, now).into_iter().map(|job| job.jid).collect()
}

#[tokio::test]
async fn only_those_with_a_session_are_owed_unless_the_job_waits() {
    let scene = Scene::new().await;
    scene.job(1, false).await;
    scene.job(2, true).await;
    let jobs = Jobs::load(&scene.store).await.unwrap();
    assert_eq!(owed(&jobs, "a", &[], START), [jid(1), jid(2)]);
    assert_eq!(owed(&jobs, "a", &[jid(1)], START), [jid(2)]);
    assert_eq!(owed(&jobs, "gone", &[], START), [jid(2)]);
    assert_eq!(owed(&jobs, "stranger", &[], START), [] as [Jid; 0]);
    assert_eq!(owed(&jobs, "gone", &[], START + LIFE), [] as [Jid; 0], "its time is over");
    assert_eq!(scene.states(1).await, [Standing::Started, Standing::Offline]);
    assert_eq!(scene.states(2).await, [Standing::Sent, Standing::Sent]);
}

#[tokio::test]
async fn what_was_begun_is_never_sent_again_over_restarts_and_lost_journals() {
    let scene = Scene::new().await;
    scene.job(1, false).await;
    let jobs = Jobs::load(&scene.store).await.unwrap();
    jobs.beat(&id("a"), &[jid(1)], &[], START + 1);
    assert_eq!(scene.states(1).await, [Standing::Started, Standing::Offline]);
    drop(jobs);
    let jobs = Jobs::load(&scene.store).await.unwrap();
    // The minion comes back without its journal.
    assert_eq!(owed(&jobs, "a", &[], START + 2), [] as [Jid; 0]);
    assert!(jobs.get(&jid(1)).is_none(), "nobody is awaited");
    assert_eq!(scene.states(1).await, [Standing::Interrupted, Standing::Offline]);
}

#[tokio::test]
async fn a_cancelled_job_starts_nowhere_any_more() {
    let scene = Scene::new().await;
    scene.job(1, true).await;
    let jobs = Jobs::load(&scene.store).await.unwrap();
    let cancelled = jobs.cancel(&jid(1), "root", START + 5, START + 5).await.unwrap().unwrap();
    assert_eq!((cancelled.stopped, cancelled.under_way), (vec![id("gone")], vec![id("a")]));
    assert_eq!(owed(&jobs, "a", &[], START + 6), [] as [Jid; 0]);
    assert_eq!(owed(&jobs, "gone", &[], START + 6), [] as [Jid; 0]);
    assert_eq!(scene.states(1).await, [Standing::Sent, Standing::Expired]);
    drop(jobs);
    let jobs = Jobs::load(&scene.store).await.unwrap();
    assert_eq!(owed(&jobs, "a", &[], START + 6), [] as [Jid; 0], "a restart changes nothing");
    assert!(jobs.cancel(&jid(9), "root", START, START).await.unwrap().is_none());
}

#[tokio::test]
async fn every_target_gets_its_final_state_even_if_the_master_was_down_at_the_time() {
    let scene = Scene::new().await;
    scene.job(1, false).await;
    scene.job(2, true).await;
    let jobs = Jobs::load(&scene.store).await.unwrap();
    jobs.settle(&scene.minions, START + LIFE + GRACE, START).await.unwrap();
    assert!(jobs.get(&jid(1)).is_some(), "the last moment counts");
    drop(jobs);
    let jobs = Jobs::load(&scene.store).await.unwrap();
    jobs.settle(&scene.minions, START + LIFE + GRACE + 1, START).await.unwrap();
    assert_eq!(scene.states(1).await, [Standing::Offline, Standing::Offline]);
    assert_eq!(scene.states(2).await, [Standing::Offline, Standing::Expired]);
    scene.store.note(jid(1), Vec::new()).await.unwrap();
    assert_eq!(scene.store.live(u64::MAX).await.unwrap(), [] as [Jid; 0]);
    assert_eq!(jobs.all().len(), 0);
}

#[tokio::test]
async fn jobs_that_leave_memory_early_are_counted() {
    let scene = Scene::new().await;
    let jobs = Jobs::load(&scene.store).await.unwrap();
    let followed = active(1);
    let _follower = Attached::to(followed.clone(), false);
    jobs.enter(followed);
    let most = (2..100_000).find(|number| {
        jobs.enter(active(*number));
        jobs.get(&jid(2)).is_none()
    });
    let most = most.expect("there is a bound") as usize - 1;
    assert_eq!((jobs.counts().open, jobs.counts().evicted), (most, 1));
    assert!(jobs.get(&jid(1)).is_some(), "the oldest that nobody follows");
}

#[tokio::test]
async fn signs_that_a_follower_does_not_read_are_counted() {
    let scene = Scene::new().await;
    let jobs = Jobs::load(&scene.store).await.unwrap();
    let job = active(1);
    let _follower = Attached::to(job.clone(), false);
    jobs.enter(job.clone());
    let heard = (0..100_000).find(|_| {
        jobs.beat(&id("a"), &[], &[], START);
        jobs.counts().unheard > 0
    });
    assert!(heard > Some(100), "{heard:?}");
    // They are not forgotten with the job.
    jobs.complete(&job);
    assert_eq!((jobs.counts().open, jobs.counts().unheard), (0, 1));
}

#[tokio::test]
async fn steps_that_the_store_has_no_room_for_are_counted() {
    let scene = Scene::new().await;
    let jobs = Jobs::load(&scene.store).await.unwrap();
    // The writer takes what waits as fast as it can: sooner or later it is full at the right moment.
    let full = (1..10_000).find(|number| {
        jobs.enter(active(*number));
        while scene.store.try_note(&jid(*number), Vec::new()) {}
        let waiting = scene.store.queued();
        jobs.progress(&id("a"), Progress { jid: jid(*number), done: 1, total: 2, last_failure: None }, START);
        jobs.counts().unwritten > 0 && waiting > 0
    });
    assert!(full.is_some());
}
