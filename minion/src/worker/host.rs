//! The daemon's side of a worker: starts it, serves its questions, learns how it ended.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use fleet_common::ids::Jid;
use fleet_common::proto::worker::{Answer, Ask, Finished, FromWorker, Start, ToWorker};
use fleet_common::transport::Boxed;
use fleet_common::value::Value;
use rustix::process::Signal;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::child::PROCESS_NAME;
use super::frame::{self, FrameError};
use crate::system::user::Accounts;
use crate::system::{signal_name, signal_session};

/// Questions of one worker that may be open at once.
const OPEN_QUESTIONS: usize = 32;
/// How long a worker that has answered may take to exit.
const EXIT_TIME: Duration = Duration::from_secs(2);

/// What is started as a worker.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program: this one.
    pub path: PathBuf,
    /// Arguments before the job's id and function (tests only).
    pub args: Vec<OsString>,
}

impl Program {
    /// This very program, even when its file was replaced since it started.
    pub fn own() -> Self {
        Self { path: PathBuf::from("/proc/self/exe"), args: Vec::new() }
    }
}

/// Why a worker gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It could not be started.
    #[error("a worker process could not be started: {0}")]
    Start(#[source] std::io::Error),
    /// It died by a signal that nobody here sent.
    #[error("the worker process was ended by signal {}{}", .0, signal_name(*.0))]
    Signal(i32),
    /// It ended without an answer.
    #[error("the worker process ended with status {0} and without an answer")]
    Exit(i32),
    /// It took longer than its limit.
    #[error("the worker process was ended: it ran longer than {} seconds", .0.as_secs())]
    TimedOut(Duration),
    /// It goes on, and takes its job to the next daemon.
    #[error("the worker process goes on without this daemon")]
    Stays,
    /// It spoke nonsense.
    #[error("the worker process broke its protocol: {0}")]
    Protocol(#[from] FrameError),
}

/// Who serves a worker.
pub trait Service: Send + Sync + 'static {
    /// Answers a question.
    fn answer(&self, ask: Ask) -> Boxed<'_, Answer>;
    /// The worker runs under this process id, which is also its session's.
    fn started(&self, pid: u32);
    /// A chunk of a state run finished.
    fn chunk_done(&self, done: u32, total: u32, key: String, result: Value);
    /// Waits until the daemon stops and its workers are to go on; the socket where they find the next one.
    fn leaving(&self) -> Boxed<'_, String> {
        Box::pin(std::future::pending())
    }
    /// A worker of the daemon before brings its job; who serves it, if it may go on.
    fn resume(&self, _jid: &Jid) -> Option<Arc<dyn Service>> {
        None
    }
}

/// How a conversation ended.
#[derive(Debug)]
pub enum Last {
    /// With the worker's answer.
    Done(Finished),
    /// The worker goes on without this daemon.
    Stays,
    /// Without a word.
    Gone,
}

/// Ends the worker and all it started when the daemon loses interest.
struct Guard {
    session: u32,
    armed: bool,
}

impl Guard {
    fn end(&mut self) {
        self.armed = false;
        signal_session(self.session, Signal::KILL);
        // Before the worker leads its session it is only known by its own number.
        if let Some(pid) = rustix::process::Pid::from_raw(self.session as i32) {
            let _gone = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.armed {
            self.end();
        }
    }
}

/// Runs one job in a worker process. Dropping the future ends the process and everything it started.
pub async fn run(
    program: &Program,
    start: Start,
    service: Arc<dyn Service>,
    limit: Option<Duration>,
) -> Result<Finished, WorkerError> {
    let (socket, mut child) = spawn(program, &start).map_err(WorkerError::Start)?;
    let mut guard = Guard { session: child.id().unwrap_or(0), armed: true };
    service.started(guard.session);
    let talk = converse(socket, start, service);
    let finished = match limit {
        None => talk.await,
        Some(limit) => match tokio::time::timeout(limit, talk).await {
            Ok(finished) => finished,
            Err(_) => {
                guard.end();
                drop(child.wait().await);
                return Err(WorkerError::TimedOut(limit));
            }
        },
    };
    if matches!(&finished, Ok(Last::Stays)) {
        guard.armed = false;
        return Err(WorkerError::Stays);
    }
    if matches!(&finished, Err(_) | Ok(Last::Gone)) {
        // Nothing more is to come: either it is gone already or it must go.
        let gone = tokio::time::timeout(EXIT_TIME, child.wait()).await;
        guard.end();
        let status = match gone {
            Ok(status) => status,
            Err(_) => child.wait().await,
        };
        finished?;
        return Err(status.map_or_else(WorkerError::Start, |status| death(&status)));
    }
    // What it left running on purpose stays; the worker itself has to go.
    if tokio::time::timeout(EXIT_TIME, child.wait()).await.is_err() {
        guard.end();
        drop(child.wait().await);
    }
    guard.armed = false;
    match finished? {
        Last::Done(finished) => Ok(finished),
        Last::Stays | Last::Gone => Err(WorkerError::Exit(0)),
    }
}

fn death(status: &ExitStatus) -> WorkerError {
    match status.signal() {
        Some(signal) => WorkerError::Signal(signal),
        None => WorkerError::Exit(status.code().unwrap_or(-1)),
    }
}

fn spawn(program: &Program, start: &Start) -> std::io::Result<(UnixStream, Child)> {
    let (own, theirs) = StdStream::pair()?;
    own.set_nonblocking(true)?;
    let mut command = Command::new(&program.path);
    command.arg0(PROCESS_NAME).args(&program.args);
    command.arg(start.jid.as_ref().map_or("-", |jid| jid.as_str())).arg(&start.fun);
    command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::inherit());
    // Systemd starts system services without one, and programs want to know where their own settings are.
    if std::env::var_os("HOME").is_none()
        && let Some(own) = Accounts::system().account_by_uid(rustix::process::geteuid().as_raw())
    {
        command.env("HOME", own.home);
    }
    let child = command.spawn()?;
    Ok((UnixStream::from_std(own)?, child))
}

/// Sends the job, then serves questions until the worker's last word.
pub async fn converse(socket: UnixStream, start: Start, mut service: Arc<dyn Service>) -> Result<Last, FrameError> {
    let (mut from, to) = socket.into_split();
    let to = Arc::new(Mutex::new(to));
    if frame::write_async(&mut *to.lock().await, &ToWorker::Start(Box::new(start))).await.is_err() {
        // It died at once; its exit status tells more.
        return Ok(Last::Gone);
    }
    let mut open = JoinSet::new();
    let mut farewell = JoinSet::new();
    farewell.spawn(say_farewell(to.clone(), service.clone()));
    loop {
        let message = match frame::read_async::<FromWorker>(&mut from).await {
            Err(FrameError::Io(_)) | Ok(None) => return Ok(Last::Gone),
            other => other?,
        };
        match message {
            Some(FromWorker::Done(finished)) => return Ok(Last::Done(*finished)),
            Some(FromWorker::Stays {}) => return Ok(Last::Stays),
            Some(FromWorker::Chunk { done, total, key, result }) => service.chunk_done(done, total, key, result),
            Some(FromWorker::Ask { id, body }) => {
                while open.len() >= OPEN_QUESTIONS {
                    open.join_next().await;
                }
                while open.try_join_next().is_some() {}
                open.spawn(reply(to.clone(), service.clone(), id, body));
            }
            Some(FromWorker::Resume { jid }) => {
                let Some(resumed) = service.resume(&jid) else { return Ok(Last::Gone) };
                service = resumed;
                farewell.spawn(say_farewell(to.clone(), service.clone()));
            }
            None => return Ok(Last::Gone),
        }
    }
}

/// Tells a worker that the daemon stops, when it does.
async fn say_farewell(to: Arc<Mutex<OwnedWriteHalf>>, service: Arc<dyn Service>) {
    let socket = service.leaving().await;
    drop(frame::write_async(&mut *to.lock().await, &ToWorker::Stay { socket }).await);
}

async fn reply(to: Arc<Mutex<OwnedWriteHalf>>, service: Arc<dyn Service>, id: u64, body: Ask) {
    let answer = ToWorker::Answer { id, body: service.answer(body).await };
    let mut to = to.lock().await;
    if let Err(FrameError::TooLarge(bytes)) = frame::write_async(&mut *to, &answer).await {
        let why = format!("the answer of {bytes} bytes is too large");
        drop(frame::write_async(&mut *to, &ToWorker::Answer { id, body: Answer::Failed { why } }).await);
    }
}
