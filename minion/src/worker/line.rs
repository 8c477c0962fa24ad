//! A function's line to the daemon: questions out, answers back, in a worker process or in `saltcall`.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fleet_common::call::CallError;
use fleet_common::ids::Jid;
use fleet_common::proto::worker::{Answer, Ask, Finished, FromWorker, ToWorker};
use fleet_common::value::Value;

use super::frame::{self, FrameError};
use super::through::Questions;
use crate::stay::SEARCH;

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The line; shared by the threads that ask and the one that [`Line::listen`]s.
pub struct Line {
    wire: Mutex<Wire>,
    moved: Condvar,
    next: AtomicU64,
    asked: Mutex<Asked>,
    search: Duration,
}

struct Wire {
    socket: UnixStream,
    /// The daemon stops: nothing is written until the next one is found.
    moving: bool,
}

#[derive(Default)]
struct Asked {
    waiting: HashMap<u64, Question>,
    /// The daemon is gone: nobody answers any more.
    over: bool,
}

struct Question {
    body: Ask,
    sent: bool,
    asker: Sender<Answer>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Line {
    /// A line that writes to `socket`.
    pub fn new(socket: &UnixStream) -> io::Result<Self> {
        let wire = Mutex::new(Wire { socket: socket.try_clone()?, moving: false });
        Ok(Self { wire, moved: Condvar::new(), next: AtomicU64::new(1), asked: Mutex::default(), search: SEARCH })
    }

    /// Hands answers to those who wait for them until the daemon is gone. A job whose daemon stops in good order is
    /// taken to the next one and goes on being heard.
    pub fn listen(&self, socket: &mut UnixStream, job: Option<&Jid>) -> Result<(), FrameError> {
        let heard = loop {
            match (frame::read(socket), job) {
                (Ok(Some(ToWorker::Answer { id, body })), _) => {
                    if let Some(question) = lock(&self.asked).waiting.remove(&id) {
                        // An asker that is gone wants no answer.
                        drop(question.asker.send(body));
                    }
                }
                (Ok(Some(ToWorker::Stay { socket: next })), Some(jid)) => match self.take_over(&next, jid) {
                    Ok(next) => *socket = next,
                    Err(error) => break Err(error),
                },
                (Ok(_), _) => break Ok(()),
                (Err(error), _) => break Err(error),
            }
        };
        *lock(&self.asked) = Asked { waiting: HashMap::new(), over: true };
        heard
    }

    /// Takes the job to the next daemon; nothing is written to either in between.
    fn take_over(&self, path: &str, jid: &Jid) -> Result<UnixStream, FrameError> {
        {
            let mut wire = lock(&self.wire);
            wire.socket.write_all(&frame::pack(&FromWorker::Stays {})?)?;
            wire.moving = true;
        }
        let found = self.look_for(path, jid);
        let mut wire = lock(&self.wire);
        wire.moving = false;
        if let Ok(next) = &found {
            wire.socket = next.try_clone()?;
        }
        self.moved.notify_all();
        found
    }

    /// Waits for the next daemon, and asks it again what the one before has not answered.
    fn look_for(&self, path: &str, jid: &Jid) -> Result<UnixStream, FrameError> {
        let end = Instant::now() + self.search;
        let mut next = loop {
            // The daemon before may still listen: what it accepts now it closes without a word.
            let greeted = UnixStream::connect(path)
                .map_err(FrameError::Io)
                .and_then(|mut next| start(&mut next).map(|start| start.map(|_| next)));
            match greeted {
                Ok(Some(next)) => break next,
                Err(error) if Instant::now() > end => return Err(error),
                Ok(None) | Err(_) => {}
            }
            std::thread::sleep(LOOK_EVERY);
        };
        next.write_all(&frame::pack(&FromWorker::Resume { jid: jid.clone() })?)?;
        for (id, question) in lock(&self.asked).waiting.iter().filter(|(_, question)| question.sent) {
            next.write_all(&frame::pack(&FromWorker::Ask { id: *id, body: question.body.clone() })?)?;
        }
        Ok(next)
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
        self.send_then(message, || {})
    }

    /// Sends, and does something more before anybody else can write.
    fn send_then(&self, message: &FromWorker, then: impl FnOnce()) -> Result<(), FrameError> {
        let bytes = frame::pack(message)?;
        let mut wire = lock(&self.wire);
        while wire.moving {
            wire = self.moved.wait(wire).unwrap_or_else(PoisonError::into_inner);
        }
        wire.socket.write_all(&bytes)?;
        then();
        Ok(())
    }

    fn sent(&self, id: u64) {
        if let Some(question) = lock(&self.asked).waiting.get_mut(&id) {
            question.sent = true;
        }
    }
}

impl Questions for Line {
    fn question(&self, body: Ask) -> Result<Answer, CallError> {
        let lost = || CallError::Failed("the minion daemon does not answer".to_owned());
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (asker, told) = channel();
        {
            let mut asked = lock(&self.asked);
            if asked.over {
                return Err(lost());
            }
            asked.waiting.insert(id, Question { body: body.clone(), sent: false, asker });
        }
        let sent = self.send_then(&FromWorker::Ask { id, body }, || self.sent(id));
        sent.map_err(|error| CallError::Failed(error.to_string()))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_no_daemon_takes_over_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let (mut daemon, mut worker) = UnixStream::pair().unwrap();
        let line = Line { search: Duration::from_millis(300), ..Line::new(&worker).unwrap() };
        let jid: Jid = "20260101000000000001".parse().unwrap();
        let stay = ToWorker::Stay { socket: dir.path().join("minion.sock").display().to_string() };
        daemon.write_all(&frame::pack(&stay).unwrap()).unwrap();
        // What the function wants to say meanwhile waits, and then learns that nobody hears it.
        let began = Instant::now();
        let ended = std::thread::scope(|scope| {
            let heard = scope.spawn(|| line.listen(&mut worker, Some(&jid)));
            let told: Option<FromWorker> = frame::read(&mut daemon).unwrap();
            assert!(matches!(told, Some(FromWorker::Stays {})));
            drop(daemon);
            heard.join().unwrap()
        });
        assert!(ended.is_err() && began.elapsed() >= Duration::from_millis(300), "{ended:?}");
        assert!(line.question(Ask::Running {}).is_err());
    }
}
