//! The pool of the `quick` functions: a few threads that nothing else uses, so that a ping never waits for work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// Calls that may wait for a thread.
const QUEUE: usize = 512;
/// Stack of a thread; only touched pages count.
const STACK: usize = 2 << 20;

/// Why a quick call gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Too many calls wait.
    #[error("too many quick calls are waiting")]
    Full,
    /// The code panicked.
    #[error("the function panicked")]
    Panicked,
}

type Task = Box<dyn FnOnce() + Send>;

/// A cheap handle; the threads end with the last one.
#[derive(Clone)]
pub struct Pool {
    tasks: SyncSender<Task>,
}

impl Pool {
    /// Starts `threads` threads.
    pub fn start(threads: usize) -> std::io::Result<Self> {
        Self::shared(threads, QUEUE)
    }

    /// As [`Pool::start`], with another bound of the calls that may wait: many minions of one process share a pool.
    pub fn shared(threads: usize, queue: usize) -> std::io::Result<Self> {
        let (tasks, waiting) = sync_channel::<Task>(queue);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..threads {
            let waiting = waiting.clone();
            std::thread::Builder::new()
                .name(format!("quick-{number}"))
                .stack_size(STACK)
                .spawn(move || work(&waiting))?;
        }
        Ok(Self { tasks })
    }

    /// Runs `code` on this thread: for what is over before another thread would have woken.
    pub fn here<T>(code: impl FnOnce() -> T) -> Result<T, PoolError> {
        catch_unwind(AssertUnwindSafe(code)).map_err(|_| PoolError::Panicked)
    }

    /// Runs `code` on the pool and waits for its value.
    pub async fn run<T: Send + 'static>(&self, code: impl FnOnce() -> T + Send + 'static) -> Result<T, PoolError> {
        let (tell, told) = oneshot::channel();
        let task = Box::new(move || {
            // A dropped sender tells the panic; the thread lives on.
            if let Ok(value) = catch_unwind(AssertUnwindSafe(code)) {
                drop(tell.send(value));
            }
        });
        match self.tasks.try_send(task) {
            Ok(()) => told.await.map_err(|_| PoolError::Panicked),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(PoolError::Full),
        }
    }
}

fn work(waiting: &Mutex<Receiver<Task>>) {
    loop {
        let task = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match task {
            Ok(task) => task(),
            Err(_) => return,
        }
    }
}
