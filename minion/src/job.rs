//! One job from its arrival to its return: look-up, journal, quick pool or worker, journal, report.

mod staying;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fleet_common::call::{Arguments, Effect, FromValue};
use fleet_common::fault;
use fleet_common::ids::Jid;
use fleet_common::proto::job::Job;
use fleet_common::proto::request::{Reply, Request};
use fleet_common::proto::ret::{End, Return};
use fleet_common::proto::worker::{Finished, Running, Start};
use fleet_common::render::Renderer;
use fleet_common::rules::CallRules;
use fleet_common::value::{Map, Value};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::attendant::Attendant;
use crate::cx::{Act, Functions, Parts};
use crate::files::remote::RemoteFiles;
use crate::journal::{BeginError, Begun, Journal, JournalError, interrupted};
use crate::listen::is_meant;
use crate::outcome::settle;
use crate::pillar;
use crate::report::Reporter;
use crate::service::{Inside, Service};
use crate::stay::Stays;
use crate::uplink::PATIENCE;
use crate::worker::host::{self, Program, WorkerError};
use crate::worker::{Pool, Through};

/// Jobs that may run or wait at once; further ones are refused.
const MOST_JOBS: usize = 4096;
/// How much longer than its own `timeout=` a function may run before its worker is ended.
const TIMEOUT_GRACE: Duration = Duration::from_secs(10);
/// Quick functions of these modules read the pillar, so theirs is fetched first.
const READ_PILLAR: &[&str] = &["config", "defaults", "jinja", "match", "pillar", "slsutil"];
/// Quick functions that neither wait, reckon nor ask: they run on the daemon's own thread, because the way to another
/// one and back takes longer than they do.
const INSTANT: &[&str] = &["test.false", "test.false_", "test.ping", "test.true", "test.true_", "test.version"];

/// Where jobs run, as configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Worker processes at once.
    pub workers: usize,
    /// Address space of a worker in bytes; 0 for no limit.
    pub memory_limit: u64,
    /// What is started as a worker.
    pub program: Program,
    /// Directory of cached files and locks.
    pub cache_dir: PathBuf,
    /// Directory of the configuration.
    pub config_dir: Option<PathBuf>,
    /// Where workers that outlive this daemon find the next one.
    pub socket: PathBuf,
    /// What a master may have this minion run; `None` for everything.
    pub allowed: Option<CallRules>,
}

/// What jobs need of the rest of the minion.
pub struct Surroundings {
    /// All functions.
    pub functions: Arc<Functions>,
    /// Templates of quick functions.
    pub renderer: Arc<Renderer>,
    /// Answers to running functions.
    pub service: Arc<Service>,
    /// Begun, done, acknowledged.
    pub journal: Arc<Journal>,
    /// Takes the returns.
    pub reporter: Reporter,
    /// Threads of the quick functions.
    pub pool: Pool,
    /// Jobs that outlive a daemon.
    pub stays: Arc<Stays>,
}

struct Inner {
    settings: Settings,
    around: Surroundings,
    workers: Semaphore,
    count: AtomicUsize,
}

/// Starts jobs; shared by reference.
pub struct Jobs {
    inner: Arc<Inner>,
    tasks: Mutex<JoinSet<()>>,
}

/// Where a job came from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin {
    /// The publishing master's stream.
    pub stream: u64,
    /// The publication's counter; 0 when the job came by `Sync`.
    pub serial: u64,
}

impl Jobs {
    /// Nothing runs yet.
    pub fn new(settings: Settings, around: Surroundings) -> Self {
        let workers = Semaphore::new(settings.workers);
        let inner = Arc::new(Inner { settings, around, workers, count: AtomicUsize::new(0) });
        Self { inner, tasks: Mutex::default() }
    }

    /// Takes a job that is meant for this minion. At once; what becomes of it is in its return.
    pub fn take(&self, job: Job, origin: Origin) {
        let inner = self.inner.clone();
        if self.are_leaving() {
            // Not begun here: the next daemon asks the master for it.
            return;
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move { inner.job(job, origin).await });
    }

    /// Takes a job when the minion's pillar says that it is meant: fetches the pillar first.
    pub fn take_if_meant(&self, job: Job, origin: Origin) {
        let inner = self.inner.clone();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(async move {
            let service = &inner.around.service;
            pillar::at_hand(&service.known, &service.uplink).await;
            match is_meant(&job, &service.known) {
                Some(true) => inner.job(job, origin).await,
                meant => tracing::debug!(jid = %job.jid, ?meant, "a job for others"),
            }
        });
    }

    /// Runs a call that no master sent: no journal, the answer goes back to whoever asked.
    pub async fn call(&self, fun: &str, arguments: Arguments) -> Finished {
        let call = Call { jid: None, fun, arguments };
        match self.inner.run(call).await {
            Ok(finished) => finished,
            Err(error) => failed(error.to_string()),
        }
    }

    /// Ends all jobs and their workers.
    pub async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }
}

/// What is to be run.
struct Call<'a> {
    jid: Option<&'a Jid>,
    fun: &'a str,
    arguments: Arguments,
}

fn failed(text: String) -> Finished {
    Finished { ret: Value::from(text), retcode: 1, success: false, ..Finished::default() }
}

fn refused(text: String) -> Finished {
    Finished { refused: true, ..failed(text) }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX).saturating_add_signed(fault::clock_step())
}

/// A job's place among those that run, given back on every way out.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Inner {
    async fn job(self: Arc<Self>, mut job: Job, origin: Origin) {
        let jid = job.jid.clone();
        if self.around.journal.knows(&jid) {
            // Before any refusal: it would stand in the place of the job's own return.
            return tracing::debug!(%jid, "the job was begun before");
        }
        let row = self.around.functions.row(job.fun.as_str());
        let changes = job.changes || row.is_some_and(|row| row.effect == Effect::Changes);
        let started = now();
        let full = self.count.fetch_add(1, Ordering::Relaxed) >= MOST_JOBS;
        let _place = Place(&self.count);
        if self.around.service.uplink.master_time().is_some_and(|now| now > job.expires) {
            tracing::info!(%jid, fun = %job.fun, "a job came after its time and does not start");
            let late = failed("the job arrived after its time to live".to_owned());
            return self.answer(&job, late, End::Expired, started, Duration::ZERO).await;
        }
        if full {
            let text = format!("{MOST_JOBS} jobs run or wait already");
            return self.answer(&job, refused(text), End::Refused, started, Duration::ZERO).await;
        }
        let fetched = if job.by_reference { self.arguments(&mut job).await } else { Ok(()) };
        if let Err(finished) = fetched {
            if self.around.journal.knows(&jid) {
                return tracing::debug!(%jid, "the job was begun and is over");
            }
            return self.answer(&job, finished, End::Refused, started, Duration::ZERO).await;
        }
        if self.settings.allowed.as_ref().is_some_and(|rules| !rules.allow(job.fun.as_str(), &job.arg, &job.kwarg)) {
            tracing::warn!(%jid, fun = %job.fun, user = job.user, "refused: minion_acl of this minion does not allow it");
            let text = format!("'{}' with these arguments is not allowed by this minion's minion_acl", job.fun);
            return self.answer(&job, refused(text), End::Refused, started, Duration::ZERO).await;
        }
        let begun = Begun {
            stream: origin.stream,
            serial: origin.serial,
            jid: jid.clone(),
            expires: job.expires,
            fun: job.fun.clone(),
            // Arguments by reference may be secret or large: the journal and the return do without.
            fun_args: if job.by_reference { Vec::new() } else { shown(&job) },
            changes,
            started,
        };
        match self.begin(begun.clone()).await {
            Ok(()) => {}
            Err(BeginError::Duplicate(_)) => return tracing::debug!(%jid, "the job was begun before"),
            Err(error) => {
                tracing::error!(%jid, %error, "a job can not start");
                let finished = refused(error.to_string());
                return self.answer(&job, finished, End::Refused, started, Duration::ZERO).await;
            }
        }
        fault::point("minion.begun");
        tracing::info!(%jid, fun = %job.fun, user = job.user, "job started");
        let clock = Instant::now();
        let cancel = self.around.service.running.enter(entry(&job), job.follow);
        let call = Call {
            jid: Some(&jid),
            fun: job.fun.as_str(),
            arguments: Arguments { positional: std::mem::take(&mut job.arg), keyword: std::mem::take(&mut job.kwarg) },
        };
        let ended = tokio::select! {
            ended = self.run(call) => ended,
            () = cancel.notified() => Err(WorkerError::Signal(0)),
        };
        let signalled = self.around.service.running.leave(&jid);
        if matches!(ended, Err(WorkerError::Stays)) {
            return tracing::info!(%jid, fun = %begun.fun, "the job goes on without this daemon");
        }
        fault::point("minion.ran");
        let ret = self.conclude(&begun, ended, signalled, clock.elapsed());
        self.settle(ret, changes).await;
    }

    /// Fetches arguments that were not published.
    async fn arguments(&self, job: &mut Job) -> Result<(), Finished> {
        match self.around.service.uplink.ask(Request::Payload { jid: job.jid.clone() }, PATIENCE).await {
            Ok(Reply::Payload { arg, kwarg }) => {
                (job.arg, job.kwarg) = (arg, kwarg);
                Ok(())
            }
            Ok(_) => Err(refused("the master did not answer with the job's arguments".to_owned())),
            Err(error) => Err(refused(format!("the job's arguments could not be fetched: {error}"))),
        }
    }

    async fn begin(&self, begun: Begun) -> Result<(), BeginError> {
        let changes = begun.changes;
        self.around.journal.begin(begun)?;
        if changes {
            self.sync().await?;
        }
        Ok(())
    }

    async fn sync(&self) -> Result<(), JournalError> {
        let journal = self.around.journal.clone();
        // A lost blocking thread means that the minion is stopping.
        tokio::task::spawn_blocking(move || journal.sync()).await.unwrap_or(Ok(()))
    }

    async fn run(&self, call: Call<'_>) -> Result<Finished, WorkerError> {
        let around = &self.around;
        let Some(row) = around.functions.row(call.fun) else {
            // The registry words it; nothing runs.
            let unknown = around.functions.find(call.fun).err();
            return Ok(unknown.map_or_else(Finished::default, |error| settle(call.fun, Err(error))));
        };
        if row.quick {
            let reads_pillar = READ_PILLAR.contains(&row.module);
            return Ok(self.quick(call, reads_pillar).await);
        }
        let Ok(_permit) = self.workers.acquire().await else { return Ok(failed("the minion stops".to_owned())) };
        self.work(call).await
    }

    /// Runs a quick function on its pool.
    async fn quick(&self, call: Call<'_>, reads_pillar: bool) -> Finished {
        let service = &self.around.service;
        let pillar = if reads_pillar {
            pillar::at_hand(&service.known, &service.uplink).await
        } else {
            service.known.pillar().unwrap_or_default()
        };
        let inside = Arc::new(Through::new(Arc::new(Inside { service: service.clone(), runtime: Handle::current() })));
        let act = Act::new(Parts {
            id: service.known.id().clone(),
            jid: call.jid.cloned(),
            grains: service.known.grains(),
            pillar,
            opts: service.known.opts(),
            files: Arc::new(RemoteFiles::new(inside.clone(), &self.settings.cache_dir)),
            cache_dir: self.settings.cache_dir.clone(),
            config_dir: self.settings.config_dir.clone(),
            renderer: self.around.renderer.clone(),
            functions: self.around.functions.clone(),
            daemon: inside,
        });
        let (fun, arguments) = (call.fun.to_owned(), call.arguments);
        let is_instant = INSTANT.contains(&call.fun);
        let code = move || settle(&fun, act.run_typed(&fun, arguments));
        let ran = if is_instant { Pool::here(code) } else { self.around.pool.run(code).await };
        match ran {
            Ok(finished) => finished,
            Err(error) => failed(format!("The minion function caused an exception: {error}")),
        }
    }

    /// Runs a function in a worker process.
    async fn work(&self, call: Call<'_>) -> Result<Finished, WorkerError> {
        let service = &self.around.service;
        let known = &service.known;
        let timeout = call.arguments.keyword.get("timeout").cloned().and_then(|value| f64::from_value(value).ok());
        let limit = timeout
            .filter(|seconds| (0.001..1e8).contains(seconds))
            .map(|seconds| Duration::from_secs_f64(seconds) + TIMEOUT_GRACE);
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let start = Start {
            id: known.id().clone(),
            jid: call.jid.cloned(),
            fun: call.fun.to_owned(),
            arg: call.arguments.positional,
            kwarg: call.arguments.keyword,
            grains: (*known.grains()).clone(),
            pillar: (*pillar::at_hand(known, &service.uplink).await).clone(),
            opts: (*known.opts()).clone(),
            cache_dir: text(&self.settings.cache_dir),
            config_dir: self.settings.config_dir.as_ref().map(text),
            memory_limit: self.settings.memory_limit,
        };
        let jid = call.jid.cloned();
        let attendant = self.attendant(jid);
        host::run(&self.settings.program, start, Arc::new(attendant), limit).await
    }

    /// Who serves the worker of a job.
    fn attendant(&self, jid: Option<Jid>) -> Attendant {
        let next = (self.around.stays.clone(), self.settings.socket.to_string_lossy().into_owned());
        Attendant::new(self.around.service.clone(), self.around.journal.clone(), next, jid)
    }

    /// The return of a job that ended.
    fn conclude(
        &self,
        begun: &Begun,
        ended: Result<Finished, WorkerError>,
        signalled: Option<i32>,
        took: Duration,
    ) -> Return {
        let id = self.around.service.known.id();
        let mut ret = match ended {
            Ok(finished) => {
                let end = if finished.refused { End::Refused } else { End::Returned };
                returned(interrupted(id, begun, Vec::new()), finished, end)
            }
            Err(error) => {
                let text = match signalled {
                    Some(signal) => format!("{} was ended by signal {signal} on request", begun.fun),
                    None => format!("{}: {error}", begun.fun),
                };
                tracing::warn!(jid = %begun.jid, fun = %begun.fun, why = text, "a job ended without its function's answer");
                let chunks = self.around.journal.chunks(&begun.jid);
                let is_run = !chunks.is_empty();
                let mut ret = interrupted(id, begun, chunks);
                ret.diagnostics.push(fleet_common::diag::Diagnostic::user(text.clone()));
                if !is_run {
                    ret.ret = Value::from(text);
                    ret.end = if signalled.is_some() { End::Interrupted } else { End::Returned };
                }
                ret
            }
        };
        ret.duration = took.as_secs_f64() * 1000.0;
        ret
    }

    /// Writes a return down and reports it.
    async fn settle(&self, ret: Return, changes: bool) {
        if let Err(error) = self.around.journal.done(&ret) {
            tracing::error!(jid = %ret.jid, %error, "a return could not be written down");
        } else if changes && let Err(error) = self.sync().await {
            tracing::error!(jid = %ret.jid, %error, "a return could not be brought to disk");
        }
        tracing::info!(jid = %ret.jid, success = ret.success, "job ended");
        fault::point("minion.done");
        self.around.reporter.send(Box::new(ret)).await;
    }

    /// Reports a job that was not begun.
    async fn answer(&self, job: &Job, finished: Finished, end: End, started: u64, took: Duration) {
        let begun = Begun {
            stream: 0,
            serial: 0,
            jid: job.jid.clone(),
            expires: job.expires,
            fun: job.fun.clone(),
            fun_args: Vec::new(),
            changes: false,
            started,
        };
        let mut ret = returned(interrupted(self.around.service.known.id(), &begun, Vec::new()), finished, end);
        ret.duration = took.as_secs_f64() * 1000.0;
        self.around.reporter.send(Box::new(ret)).await;
    }
}

fn returned(shape: Return, finished: Finished, end: End) -> Return {
    Return {
        end,
        ret: finished.ret,
        retcode: finished.retcode,
        success: finished.success,
        out: finished.out,
        diagnostics: finished.diagnostics,
        ..shape
    }
}

/// Arguments as a return shows them: by position, then those by name with the reference's mark.
fn shown(job: &Job) -> Vec<Value> {
    let mut all = job.arg.clone();
    if !job.kwarg.is_empty() {
        let mut named = Map::from_iter([("__kwarg__", Value::Bool(true))]);
        named.extend(job.kwarg.iter().map(|(name, value)| (name.clone(), value.clone())));
        all.push(Value::Map(named));
    }
    all
}

fn entry(job: &Job) -> Running {
    Running {
        jid: job.jid.clone(),
        fun: job.fun.to_string(),
        arg: if job.by_reference { Vec::new() } else { shown(job) },
        pid: 0,
        user: job.user.clone(),
        target: job.target.expr.clone(),
        queued: true,
    }
}
