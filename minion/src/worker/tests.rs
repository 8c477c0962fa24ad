//! Workers as real processes: this test program started again, as the daemon starts itself.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fleet_common::call::{Arguments, CallResult, Code, Outcome};
use fleet_common::proto::worker::{Answer, Ask, Finished, Start};
use fleet_common::transport::Boxed;
use fleet_common::value::{Map, Value};

use super::host::{Program, Service, WorkerError, run};
use super::{Pool, PoolError, child};
use crate::cx::{Function, Functions, Look, Module};

const fn reads(name: &'static str, code: fn(&Look, Arguments) -> CallResult) -> Function {
    Function { name, quick: false, doc: "", example: "", args: &[], code: Code::Reads(code) }
}

const FUNCTIONS: &[Function] = &[
    reads("echo", |_, arguments| Ok(Outcome::from(arguments.positional))),
    reads("grain", |look, _| {
        use fleet_common::call::Facts;
        Ok(look.grains().get("os").cloned().unwrap_or_default().into())
    }),
    reads("ask", |look, _| {
        look.daemon().chunk_done(1, 2, "one", &Value::Bool(true));
        Ok(Value::Map((*look.daemon().refresh_grains()?).clone()).into())
    }),
    reads("panic", |_, _| panic!("on purpose")),
    reads("overflow", |_, _| Ok(Value::from(deeper(1)).into())),
    reads("leak", |_, _| {
        let mut all: Vec<Vec<u8>> = Vec::new();
        loop {
            all.push(vec![1; 1 << 20]);
        }
    }),
    reads("sleep", |_, arguments| {
        let seconds = arguments.positional.first().and_then(Value::as_int).unwrap_or(60);
        // A command in a group of its own, as `system::command` starts them.
        let mut command = crate::system::command::Command::argv(["sleep", &seconds.to_string()]);
        command = command.timeout_seconds(100.0);
        let _ended = command.run();
        Ok(Value::Null.into())
    }),
];
pub(crate) const MODULE: Module = Module { name: "t", doc: "", functions: FUNCTIONS };

#[allow(unconditional_recursion, reason = "the overflow under test")]
fn deeper(depth: i64) -> i64 {
    let pad = std::hint::black_box([depth; 512]);
    deeper(depth + 1) + pad[depth as usize % 512]
}

/// Not a test of its own: what the started test program runs when it is a worker.
#[test]
fn worker_entry() {
    if child::is_worker() {
        child::main(|| Arc::new(Functions::new(&[], &[&MODULE])));
    }
}

pub(crate) fn program() -> Program {
    let args = ["--exact", "worker::tests::worker_entry", "--nocapture", "--"].map(OsString::from);
    Program { path: "/proc/self/exe".into(), args: args[..3].to_vec() }
}

fn start(fun: &str, arg: Vec<Value>) -> Start {
    Start {
        id: "web1".parse().unwrap(),
        jid: None,
        fun: fun.to_owned(),
        arg,
        kwarg: Map::new(),
        grains: [("os", "Debian")].into_iter().collect(),
        pillar: Map::new(),
        opts: Map::new(),
        cache_dir: "/tmp".to_owned(),
        config_dir: None,
        memory_limit: 1 << 30,
    }
}

#[derive(Default)]
struct Answers {
    pid: AtomicU32,
    chunks: Mutex<Vec<String>>,
}

impl Service for Answers {
    fn answer(&self, ask: Ask) -> Boxed<'_, Answer> {
        Box::pin(async move {
            match ask {
                Ask::RefreshGrains {} => Answer::Map([("os", "CentOS")].into_iter().collect()),
                _ => Answer::Failed { why: "no".to_owned() },
            }
        })
    }
    fn started(&self, pid: u32) {
        self.pid.store(pid, Ordering::Relaxed);
    }
    fn chunk_done(&self, done: u32, total: u32, key: String, _result: Value) {
        self.chunks.lock().unwrap().push(format!("{done}/{total} {key}"));
    }
}

async fn ran(fun: &str, arg: Vec<Value>) -> Result<Finished, WorkerError> {
    run(&program(), start(fun, arg), Arc::new(Answers::default()), None).await
}

#[tokio::test]
async fn a_worker_answers_and_asks() {
    let service = Arc::new(Answers::default());
    let finished = ran("t.echo", vec![Value::from(1), Value::Bytes(vec![255])]).await.unwrap();
    assert_eq!((finished.ret, finished.success), (Value::List(vec![1.into(), Value::Bytes(vec![255])]), true));
    assert_eq!(ran("t.grain", vec![]).await.unwrap().ret, Value::from("Debian"));
    let asked = run(&program(), start("t.ask", vec![]), service.clone(), None).await.unwrap();
    assert_eq!(asked.ret.get("os"), Some(&Value::from("CentOS")));
    assert_eq!(*service.chunks.lock().unwrap(), ["1/2 one"]);
    let unknown = ran("t.ecko", vec![]).await.unwrap();
    assert_eq!((unknown.ret, unknown.refused), (Value::from("'t.ecko' is not available."), true));
}

#[tokio::test]
async fn crashes_cost_their_job_only() {
    let panicked = ran("t.panic", vec![]).await.unwrap();
    assert!(!panicked.success && panicked.ret.as_str().unwrap().starts_with("The minion function caused an exception"));
    for fun in ["t.overflow", "t.leak"] {
        let died = ran(fun, vec![]).await.unwrap_err();
        assert!(matches!(died, WorkerError::Signal(6)), "{fun}: {died}");
    }
    assert!(ran("t.echo", vec![]).await.is_ok());
}

/// How many processes of a session run; the dead that nobody has asked after do not count.
fn alive(session: u32) -> usize {
    let stats = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = stats.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let fields = stats.filter_map(|stat| Some(stat.rsplit_once(") ")?.1.to_owned()));
    fields.filter(|f| !f.starts_with('Z') && f.split(' ').nth(3) == Some(&session.to_string())).count()
}

/// Waits until nothing of a session runs: what was killed takes a moment to die. Left alone it would run for a minute.
async fn all_dead(session: u32) -> bool {
    let began = Instant::now();
    while alive(session) > 0 {
        if began.elapsed() > Duration::from_secs(30) {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    true
}

#[tokio::test]
async fn timeout_kill_and_loss_of_interest_end_everything_started() {
    let service = Arc::new(Answers::default());
    let limit = Some(Duration::from_millis(700));
    let late = run(&program(), start("t.sleep", vec![Value::from(60)]), service.clone(), limit).await.unwrap_err();
    assert!(matches!(late, WorkerError::TimedOut(_)), "{late}");
    assert!(all_dead(service.pid.load(Ordering::Relaxed)).await);

    let service = Arc::new(Answers::default());
    let job = tokio::spawn({
        let service = service.clone();
        async move { run(&program(), start("t.sleep", vec![]), service, None).await }
    });
    while service.pid.load(Ordering::Relaxed) == 0 || alive(service.pid.load(Ordering::Relaxed)) < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    job.abort();
    assert!(job.await.unwrap_err().is_cancelled());
    assert!(all_dead(service.pid.load(Ordering::Relaxed)).await);
}

#[tokio::test]
async fn quick_calls_survive_a_panic_and_are_bounded() {
    let pool = Pool::start(2).unwrap();
    assert_eq!(pool.run(|| assert!("".contains('x'), "on purpose")).await, Err(PoolError::Panicked));
    assert_eq!(pool.run(|| 7).await, Ok(7));
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let (busy, mut is_busy) = tokio::sync::mpsc::unbounded_channel();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let (pool, held, busy) = (pool.clone(), held.clone(), busy.clone());
        calls.spawn(async move {
            let wait = move || {
                busy.send(()).unwrap();
                held.lock().unwrap().recv().is_err()
            };
            pool.run(wait).await
        });
    }
    for _ in 0..2 {
        is_busy.recv().await.unwrap();
    }
    // Both threads are busy: from here on calls wait, and those beyond the bound are refused.
    for _ in 0..600 {
        let pool = pool.clone();
        calls.spawn(async move { pool.run(|| true).await });
    }
    for _ in 0..600 - 512 {
        assert_eq!(calls.join_next().await.unwrap().unwrap(), Err(PoolError::Full));
    }
    drop(hold);
    for _ in 0..512 + 2 {
        assert_eq!(calls.join_next().await.unwrap().unwrap(), Ok(true));
    }
    assert!(calls.is_empty());
}
