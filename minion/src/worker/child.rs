//! The worker process: reads what to run from the inherited socket, runs it on a large stack, answers, exits.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use fleet_common::call::Arguments;
use fleet_common::proto::worker::{Finished, Start};
use fleet_common::render::{Limits, Renderer};
use fleet_common::value::Value;
use rustix::process::{Resource, Rlimit, Signal};

use super::frame::FrameError;
use super::line::{self, Line};
use super::through::{Questions, Through};
use crate::cx::{Act, Functions, Parts};
use crate::files::remote::RemoteFiles;
use crate::outcome::settle;
use crate::system::signal_session;

/// The first argument of a worker process, as it shows in process lists; job id and function follow.
pub const PROCESS_NAME: &str = "saltminion-worker";
/// Stack of the thread that runs the function.
const STACK: usize = 64 << 20;

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
    let Some(start) = line::start(&mut socket)? else { return Ok(()) };
    limit_memory(start.memory_limit)?;
    let line = Arc::new(Line::new(&socket)?);
    let functions = functions();
    let job = line.clone();
    let jid = start.jid.clone();
    std::thread::Builder::new().name("job".to_owned()).stack_size(STACK).spawn(move || {
        let finished = catch_unwind(AssertUnwindSafe(|| call(&job, *start, functions)));
        job.finish(finished.unwrap_or_else(|_| {
            let text = "The minion function caused an exception: it panicked; the minion's log says where";
            Finished { ret: Value::from(text), retcode: 1, success: false, ..Finished::default() }
        }));
        std::process::exit(0);
    })?;
    let heard = line.listen(&mut socket, jid.as_ref());
    // The daemon is gone: nobody would learn what this job still does, so it ends with everything it started.
    signal_session(std::process::id(), Signal::KILL);
    heard
}

fn call(line: &Arc<Line>, mut start: Start, functions: Arc<Functions>) -> Finished {
    let arguments = Arguments { positional: std::mem::take(&mut start.arg), keyword: std::mem::take(&mut start.kwarg) };
    let fun = std::mem::take(&mut start.fun);
    settle(&fun, context(line, start, functions).run_typed(&fun, arguments))
}

/// The context of a call whose daemon is at the other end of a line.
pub fn context<Q: Questions + 'static>(line: &Arc<Q>, start: Start, functions: Arc<Functions>) -> Act {
    let daemon = Arc::new(Through::new(line.clone()));
    let cache_dir = PathBuf::from(start.cache_dir);
    Act::new(Parts {
        id: start.id,
        jid: start.jid,
        grains: Arc::new(start.grains),
        pillar: Arc::new(start.pillar),
        opts: Arc::new(start.opts),
        files: Arc::new(RemoteFiles::new(daemon.clone(), &cache_dir)),
        cache_dir,
        config_dir: start.config_dir.map(PathBuf::from),
        renderer: Arc::new(Renderer::new(Limits::default())),
        functions,
        daemon,
    })
}

/// Takes the socket from standard input and puts nothing in its place, so that no program started here inherits it.
fn take_socket() -> io::Result<UnixStream> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let nothing = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    Ok(UnixStream::from(socket))
}

/// Sets the soft limit only: programs that are started from here get theirs back (`system::process`).
fn limit_memory(bytes: u64) -> io::Result<()> {
    if bytes > 0 {
        let hard = rustix::process::getrlimit(Resource::As).maximum;
        rustix::process::setrlimit(Resource::As, Rlimit { current: Some(bytes), maximum: hard })?;
    }
    Ok(())
}
