//! A whole minion against a master of a few lines, in memory: what is promised about jobs, whatever happens between.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fleet_common::call::{Arguments, CallResult, Code};
use fleet_common::channel::Turns;
use fleet_common::channel::publish::Sealer;
use fleet_common::channel::request::accept;
use fleet_common::config::Settings;
use fleet_common::crypto::keys::MasterKeys;
use fleet_common::ids::Jid;
use fleet_common::proto::job::{Job, Publication, Target, TargetKind};
use fleet_common::proto::request::{KeyState, Reply, Request, Role, Welcome};
use fleet_common::proto::ret::{End, Return};
use fleet_common::transport::mem::{Faults, Memory, MemoryConnector, MemoryListener, MemoryPublisher};
use fleet_common::transport::{Link, Listener, Publisher};
use fleet_common::value::{Map, Value};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::cx::{Function, Functions, Look, Module};
use crate::journal::{Journal, Standing};
use crate::{Minion, worker};

/// A quick function that leaves a trace of every start.
fn count(look: &Look, _: Arguments) -> CallResult {
    use std::io::Write;
    let mut file = std::fs::File::options().create(true).append(true).open(look.cache_dir().join("starts")).unwrap();
    writeln!(file, "x").unwrap();
    Ok(Value::Bool(true).into())
}

const QUICK: Module = Module {
    name: "q",
    doc: "",
    functions: &[Function { name: "count", quick: true, doc: "", example: "", args: &[], code: Code::Reads(count) }],
};

/// What the master has seen and how it behaves.
#[derive(Default)]
struct Seen {
    returns: Mutex<Vec<Return>>,
    begun: Mutex<Vec<Vec<Jid>>>,
    owed: Mutex<Vec<Job>>,
    forgetful: AtomicBool,
    pending: AtomicBool,
    sessions: Mutex<usize>,
}

struct Master {
    seen: Arc<Seen>,
    sealer: Arc<Mutex<Sealer>>,
    publisher: Arc<MemoryPublisher>,
    connector: MemoryConnector,
    faults: Arc<Faults>,
    _serve: JoinHandle<()>,
}

const NOW: u64 = 1_800_000_000_000;

impl Master {
    fn start() -> Self {
        let faults = Faults::new(7);
        let Memory { listener, publisher, connector } = Memory::new(faults.clone());
        let keys = Arc::new(MasterKeys::generate());
        let sealer = Arc::new(Mutex::new(Sealer::new(&keys, 5)));
        let seen = Arc::new(Seen::default());
        let _serve = tokio::spawn(Self::listen(listener, keys, seen.clone(), sealer.clone()));
        Self { seen, sealer, publisher, connector, faults, _serve }
    }

    async fn listen(mut listener: MemoryListener, keys: Arc<MasterKeys>, seen: Arc<Seen>, sealer: Arc<Mutex<Sealer>>) {
        while let Some(link) = listener.accept().await {
            tokio::spawn(Self::session(link, keys.clone(), seen.clone(), sealer.clone()));
        }
    }

    async fn session(link: Link, keys: Arc<MasterKeys>, seen: Arc<Seen>, sealer: Arc<Mutex<Sealer>>) {
        let Ok(incoming) = accept(link, &keys, &Turns::new()).await else { return };
        assert_eq!(incoming.role, Role::Minion);
        let is_pending = seen.pending.load(Ordering::Relaxed);
        let stream = sealer.lock().unwrap().keys();
        let welcome = Welcome {
            state: if is_pending { KeyState::Pending } else { KeyState::Accepted },
            stream: (!is_pending).then_some(stream),
            now: NOW,
            retry_after: 1,
            grains_known: false,
            reason: None,
        };
        *seen.sessions.lock().unwrap() += 1;
        let (sender, mut receiver) = incoming.welcome(welcome);
        while let Some((id, request)) = receiver.recv().await {
            let reply = match request {
                Request::Sync { begun } => {
                    seen.begun.lock().unwrap().push(begun);
                    Reply::Owed { jobs: seen.owed.lock().unwrap().clone() }
                }
                Request::Return(ret) => {
                    seen.returns.lock().unwrap().push(*ret);
                    if seen.forgetful.load(Ordering::Relaxed) {
                        continue;
                    }
                    Reply::Stored {}
                }
                Request::Beat { .. } => {
                    Reply::Beat { now: NOW, counter: sealer.lock().unwrap().counter(), watched: Vec::new() }
                }
                Request::Pillar { .. } => Reply::Pillar { pillar: Map::new(), errors: Vec::new() },
                _ => Reply::Done {},
            };
            drop(sender.reply(id, reply).await);
        }
    }

    fn seal(&self, job: Job) -> bytes::Bytes {
        self.sealer.lock().unwrap().seal(&Publication::Job(job)).unwrap()
    }

    async fn until(&self, what: impl Fn(&Seen) -> bool) {
        let done = async {
            while !what(&self.seen) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(15), done).await.is_ok(), "{:?}", self.seen.returns);
    }

    async fn connected(&self, sessions: usize) {
        self.until(|seen| *seen.sessions.lock().unwrap() >= sessions && !seen.begun.lock().unwrap().is_empty()).await;
    }

    fn ends(&self) -> Vec<(String, End)> {
        self.seen.returns.lock().unwrap().iter().map(|ret| (ret.jid.to_string()[18..].to_owned(), ret.end)).collect()
    }
}

fn job(number: u8, fun: &str) -> Job {
    Job {
        jid: format!("202611201200000000{number:02}").parse().unwrap(),
        target: Target::new(TargetKind::Glob, "*"),
        ids: None,
        fun: fun.parse().unwrap(),
        arg: Vec::new(),
        kwarg: Map::new(),
        by_reference: false,
        user: "root".to_owned(),
        expires: NOW + 60_000,
        changes: false,
        follow: false,
    }
}

fn minion(dir: &Path, connector: &MemoryConnector) -> JoinHandle<()> {
    minion_and_journal(dir, connector).0
}

fn minion_and_journal(dir: &Path, connector: &MemoryConnector) -> (JoinHandle<()>, Arc<Journal>) {
    let text = format!("id: web1\nroot_dir: {}\nrecon_default: 10\n", dir.display());
    let mut settings = Settings::from_text(&text, "minion").unwrap();
    let config = Config::take(&mut settings, &dir.join("etc")).unwrap();
    let functions = Arc::new(Functions::new(&[], &[&QUICK, &worker::tests::MODULE]));
    let minion = Minion::new(&config, functions, worker::tests::program()).unwrap();
    let (connector, journal) = (Arc::new(connector.clone()), minion.journal.clone());
    (tokio::spawn(minion.run(connector, std::future::pending())), journal)
}

fn starts(dir: &Path) -> usize {
    std::fs::read_to_string(dir.join("var/cache/salt/minion/starts")).unwrap_or_default().lines().count()
}

#[tokio::test]
async fn a_job_that_comes_twice_by_both_ways_starts_once() {
    let dir = tempfile::tempdir().unwrap();
    let master = Master::start();
    let _minion = minion(dir.path(), &master.connector);
    master.connected(1).await;
    let frame = master.seal(job(1, "q.count"));
    for _ in 0..3 {
        master.publisher.publish(frame.clone());
    }
    master.until(|seen| seen.returns.lock().unwrap().len() == 1).await;
    // The master forgets what it has and owes it again, also in a new session.
    master.seen.owed.lock().unwrap().push(job(1, "q.count"));
    master.faults.cut_all();
    master.until(|seen| seen.begun.lock().unwrap().len() >= 2).await;
    assert_eq!(master.seen.begun.lock().unwrap().last().unwrap().len(), 1, "the job is named as begun");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((master.ends(), starts(dir.path())), (vec![("01".to_owned(), End::Returned)], 1));
}

#[tokio::test]
async fn what_was_missed_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let master = Master::start();
    let _minion = minion(dir.path(), &master.connector);
    master.connected(1).await;
    // One frame is lost, the next shows the gap.
    let _lost = master.seal(job(1, "q.count"));
    master.seen.owed.lock().unwrap().push(job(1, "q.count"));
    master.publisher.publish(master.seal(job(2, "q.count")));
    master.until(|seen| seen.returns.lock().unwrap().len() == 2).await;
    // And the last of all, behind which nothing comes, is told by a beat.
    let _lost = master.seal(job(3, "q.count"));
    master.seen.owed.lock().unwrap().push(job(3, "q.count"));
    master.until(|seen| seen.returns.lock().unwrap().len() == 3).await;
    assert_eq!(starts(dir.path()), 3);
}

#[tokio::test]
async fn a_return_is_kept_until_the_master_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let master = Master::start();
    let first = minion(dir.path(), &master.connector);
    master.connected(1).await;
    master.seen.forgetful.store(true, Ordering::Relaxed);
    master.publisher.publish(master.seal(job(1, "q.count")));
    master.until(|seen| seen.returns.lock().unwrap().len() == 1).await;
    master.faults.cut_all();
    master.until(|seen| seen.returns.lock().unwrap().len() == 2).await;
    first.abort();
    drop(first.await);
    let (second, journal) = minion_and_journal(dir.path(), &master.connector);
    master.until(|seen| seen.returns.lock().unwrap().len() == 3).await;
    master.seen.forgetful.store(false, Ordering::Relaxed);
    master.faults.cut_all();
    master.until(|seen| seen.returns.lock().unwrap().len() == 4).await;
    // The answer is on its way back: what counts is that the minion has written it down.
    master.until(|_| journal.standing(Standing::Unacknowledged).is_empty()).await;
    drop(journal);
    second.abort();
    drop(second.await);
    let _third = minion(dir.path(), &master.connector);
    let sessions = *master.seen.sessions.lock().unwrap();
    master.connected(sessions + 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((master.ends().len(), starts(dir.path())), (4, 1), "stored once, sent no more");
}

#[tokio::test]
async fn what_ran_when_the_minion_stopped_is_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let master = Master::start();
    let (first, journal) = minion_and_journal(dir.path(), &master.connector);
    master.connected(1).await;
    let mut slow = job(1, "t.sleep");
    slow.changes = true;
    master.publisher.publish(master.seal(slow.clone()));
    master.until(|_| !journal.standing(Standing::Running).is_empty()).await;
    drop(journal);
    // A ping does not wait for it.
    master.publisher.publish(master.seal(job(2, "q.count")));
    master.until(|seen| seen.returns.lock().unwrap().len() == 1).await;
    first.abort();
    drop(first.await);
    master.seen.owed.lock().unwrap().push(slow);
    let _second = minion(dir.path(), &master.connector);
    master.until(|seen| seen.returns.lock().unwrap().len() == 2).await;
    assert_eq!(master.ends(), [("02".to_owned(), End::Returned), ("01".to_owned(), End::Interrupted)]);
    let ret = master.seen.returns.lock().unwrap().last().unwrap().clone();
    assert!(!ret.success && ret.retcode == 1, "{ret:?}");
}

#[tokio::test]
async fn others_jobs_late_jobs_and_unknown_functions_do_not_run() {
    let dir = tempfile::tempdir().unwrap();
    let master = Master::start();
    let _minion = minion(dir.path(), &master.connector);
    master.connected(1).await;
    let mut others = job(1, "q.count");
    others.ids = Some(vec!["web2".parse().unwrap()]);
    let mut elsewhere = job(2, "q.count");
    elsewhere.target = Target::new(TargetKind::List, "db1,web2");
    let mut late = job(3, "q.count");
    late.expires = NOW - 1;
    for job in [others, elsewhere, late, job(4, "q.cuont")] {
        master.publisher.publish(master.seal(job));
    }
    master.until(|seen| seen.returns.lock().unwrap().len() == 2).await;
    let mut ends = master.ends();
    ends.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(ends, [("03".to_owned(), End::Expired), ("04".to_owned(), End::Refused)]);
    assert_eq!(starts(dir.path()), 0);
}

#[tokio::test]
async fn a_pending_key_waits_and_then_works() {
    let dir = tempfile::tempdir().unwrap();
    let master = Master::start();
    master.seen.pending.store(true, Ordering::Relaxed);
    let _minion = minion(dir.path(), &master.connector);
    master.until(|seen| *seen.sessions.lock().unwrap() >= 2).await;
    master.seen.pending.store(false, Ordering::Relaxed);
    master.connected(3).await;
    master.publisher.publish(master.seal(job(1, "q.count")));
    master.until(|seen| seen.returns.lock().unwrap().len() == 1).await;
}

#[tokio::test]
async fn two_minions_do_not_share_a_cache_directory() {
    let dir = tempfile::tempdir().unwrap();
    let master = Master::start();
    let _first = minion(dir.path(), &master.connector);
    let text = format!("id: web1\nroot_dir: {}\n", dir.path().display());
    let config = Config::take(&mut Settings::from_text(&text, "minion").unwrap(), dir.path()).unwrap();
    let functions = Arc::new(Functions::new(&[], &[&QUICK]));
    let refused = Minion::new(&config, functions, worker::tests::program()).err().unwrap();
    assert!(refused.to_string().contains("another minion uses"), "{refused}");
}
