//! A function's line to the daemon: questions out, answers back, in a worker process or in `saltcall`.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fleet_common::call::CallError;
use fleet_common::proto::worker::{Answer, Ask, Finished, FromWorker, ToWorker};
use fleet_common::value::Value;

use super::frame::{self, FrameError};
use super::through::Questions;

/// The line; shared by the threads that ask and the one that [`Line::listen`]s.
pub struct Line {
    socket: Mutex<UnixStream>,
    next: AtomicU64,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    waiting: HashMap<u64, Sender<Answer>>,
    /// The daemon is gone: nobody answers any more.
    over: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Line {
    /// A line that writes to `socket`.
    pub fn new(socket: &UnixStream) -> io::Result<Self> {
        Ok(Self { socket: Mutex::new(socket.try_clone()?), next: AtomicU64::new(1), asked: Mutex::default() })
    }

    /// Hands answers to those who wait for them until the daemon is gone.
    pub fn listen(&self, socket: &mut UnixStream) -> Result<(), FrameError> {
        let heard = loop {
            match frame::read(socket) {
                Ok(Some(ToWorker::Answer { id, body })) => {
                    if let Some(asker) = lock(&self.asked).waiting.remove(&id) {
                        // An asker that is gone wants no answer.
                        drop(asker.send(body));
                    }
                }
                Ok(_) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        *lock(&self.asked) = Asked { waiting: HashMap::new(), over: true };
        heard
    }

    /// Says the last word.
    pub fn finish(&self, finished: Finished) {
        let sent = self.send(&FromWorker::Done(Box::new(finished)));
        if let Err(FrameError::TooLarge(bytes)) = sent {
            let ret = Value::from(format!("the return of {bytes} bytes is larger than can be sent"));
            let finished = Finished { ret, retcode: 1, success: false, ..Finished::default() };
            drop(self.send(&FromWorker::Done(Box::new(finished))));
        }
    }

    fn send(&self, message: &FromWorker) -> Result<(), FrameError> {
        let bytes = frame::pack(message)?;
        Ok(lock(&self.socket).write_all(&bytes)?)
    }
}

impl Questions for Line {
    fn question(&self, body: Ask) -> Result<Answer, CallError> {
        let lost = || CallError::Failed("the minion daemon does not answer".to_owned());
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = channel();
        {
            let mut asked = lock(&self.asked);
            if asked.over {
                return Err(lost());
            }
            asked.waiting.insert(id, tell);
        }
        self.send(&FromWorker::Ask { id, body }).map_err(|error| CallError::Failed(error.to_string()))?;
        match told.recv().map_err(|_| lost())? {
            Answer::Failed { why } => Err(CallError::Failed(why)),
            answer => Ok(answer),
        }
    }

    fn chunk_done(&self, done: u32, total: u32, key: &str, result: &Value) {
        // Who listens notices a lost daemon.
        drop(self.send(&FromWorker::Chunk { done, total, key: key.to_owned(), result: result.clone() }));
    }
}

/// Reads what the daemon tells first.
pub fn start(socket: &mut UnixStream) -> Result<Option<Box<fleet_common::proto::worker::Start>>, FrameError> {
    match frame::read(socket)? {
        Some(ToWorker::Start(start)) => Ok(Some(start)),
        _ => Ok(None),
    }
}
