//! The worker process: reads what to run from the inherited socket, runs it on a large stack, answers, exits.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleet_common::call::{Arguments, CallError};
use fleet_common::proto::worker::{Answer, Ask, Finished, FromWorker, Start, ToWorker};
use fleet_common::render::{Limits, Renderer};
use fleet_common::value::Value;
use rustix::process::{Resource, Rlimit, Signal};

use super::frame::{self, FrameError};
use super::through::{Questions, Through};
use crate::cx::{Act, Functions, Parts};
use crate::files::remote::RemoteFiles;
use crate::outcome::settle;
use crate::system::signal_session;

/// The first argument of a worker process, as it shows in process lists; job id and function follow.
pub const PROCESS_NAME: &str = "saltminion-worker";
/// Stack of the thread that runs the function.
const STACK: usize = 16 << 20;

/// True when this process was started as a worker.
pub fn is_worker() -> bool {
    std::env::args_os().next().is_some_and(|name| name == PROCESS_NAME)
}

/// Runs the one job of a worker process. `functions` is called after the process is set apart.
pub fn main(functions: impl FnOnce() -> Arc<Functions>) -> ExitCode {
    match serve(functions) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{PROCESS_NAME}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(functions: impl FnOnce() -> Arc<Functions>) -> Result<(), FrameError> {
    let mut socket = take_socket()?;
    // A session of its own: the daemon ends the worker and all it started by the session's number.
    rustix::process::setsid().map_err(io::Error::from)?;
    let Some(ToWorker::Start(start)) = frame::read(&mut socket)? else { return Ok(()) };
    limit_memory(start.memory_limit)?;
    let line =
        Arc::new(Line { socket: Mutex::new(socket.try_clone()?), next: AtomicU64::new(1), asked: Mutex::default() });
    let functions = functions();
    let job = line.clone();
    std::thread::Builder::new().name("job".to_owned()).stack_size(STACK).spawn(move || {
        let finished = catch_unwind(AssertUnwindSafe(|| call(&job, *start, functions)));
        job.finish(finished.unwrap_or_else(|_| {
            failed("The minion function caused an exception: it panicked; the minion's log says where".to_owned())
        }));
        std::process::exit(0);
    })?;
    while let Some(ToWorker::Answer { id, body }) = frame::read(&mut socket)? {
        if let Some(asker) = lock(&line.asked).remove(&id) {
            // An asker that is gone wants no answer.
            drop(asker.send(body));
        }
    }
    // The daemon is gone: nobody would learn what this job still does, so it ends with everything it started.
    signal_session(std::process::id(), Signal::KILL);
    Ok(())
}

fn call(line: &Arc<Line>, start: Start, functions: Arc<Functions>) -> Finished {
    let daemon = Arc::new(Through::new(line.clone()));
    let act = Act::new(Parts {
        id: start.id,
        jid: start.jid,
        grains: Arc::new(start.grains),
        pillar: Arc::new(start.pillar),
        opts: Arc::new(start.opts),
        files: Arc::new(RemoteFiles::new(daemon.clone())),
        cache_dir: PathBuf::from(start.cache_dir),
        config_dir: start.config_dir.map(PathBuf::from),
        renderer: Arc::new(Renderer::new(Limits::default())),
        functions,
        daemon,
    });
    let result = act.run_typed(&start.fun, Arguments { positional: start.arg, keyword: start.kwarg });
    settle(&start.fun, result)
}

fn failed(text: String) -> Finished {
    Finished { ret: Value::from(text), retcode: 1, success: false, ..Finished::default() }
}

/// Takes the socket from standard input and puts nothing in its place, so that no program started here inherits it.
fn take_socket() -> io::Result<UnixStream> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let nothing = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    Ok(UnixStream::from(socket))
}

/// Sets the soft limit only: programs started from here get theirs back (see `lift_memory_limit`).
fn limit_memory(bytes: u64) -> io::Result<()> {
    if bytes > 0 {
        let hard = rustix::process::getrlimit(Resource::As).maximum;
        rustix::process::setrlimit(Resource::As, Rlimit { current: Some(bytes), maximum: hard })?;
    }
    Ok(())
}

/// The line to the daemon.
struct Line {
    socket: Mutex<UnixStream>,
    next: AtomicU64,
    asked: Mutex<HashMap<u64, Sender<Answer>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Questions for Line {
    fn question(&self, body: Ask) -> Result<Answer, CallError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = channel();
        lock(&self.asked).insert(id, tell);
        let lost = |_| CallError::Failed("the minion daemon does not answer".to_owned());
        self.send(&FromWorker::Ask { id, body }).map_err(|error| CallError::Failed(error.to_string()))?;
        match told.recv().map_err(lost)? {
            Answer::Failed { why } => Err(CallError::Failed(why)),
            answer => Ok(answer),
        }
    }

    fn chunk_done(&self, done: u32, total: u32, key: &str, result: &Value) {
        // A lost daemon ends this process from the other thread.
        drop(self.send(&FromWorker::Chunk { done, total, key: key.to_owned(), result: result.clone() }));
    }
}

impl Line {
    fn send(&self, message: &FromWorker) -> Result<(), FrameError> {
        let bytes = frame::pack(message)?;
        Ok(io::Write::write_all(&mut *lock(&self.socket), &bytes)?)
    }

    fn finish(&self, finished: Finished) {
        let sent = self.send(&FromWorker::Done(Box::new(finished)));
        if let Err(FrameError::TooLarge(bytes)) = sent {
            let text = format!("the return of {bytes} bytes is larger than can be sent");
            drop(self.send(&FromWorker::Done(Box::new(failed(text)))));
        }
    }
}
