//! One state run at a time: a lock on a file in the cache directory, taken by daemon workers and `saltcall` alike.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::queue::Queue;
use crate::system::fs::plain;

/// The lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds it. The text is the reference's.
    #[error("The function \"{function}\" is running as PID {pid} and was started at {started} with jid {jid}")]
    Busy {
        /// The running function.
        function: String,
        /// Its process.
        pid: String,
        /// When it started.
        started: String,
        /// Its job.
        jid: String,
    },
    /// Another run holds it, and as many wait for it as may.
    #[error("{holder}, and no more may wait for it (queue={limit})")]
    Full {
        /// Who holds it.
        holder: String,
        /// How many may wait.
        limit: u32,
    },
    /// The file could not be used.
    #[error("the state run lock {path} cannot be used: {why}")]
    Unusable {
        /// The lock file.
        path: String,
        /// Why.
        why: String,
    },
}

/// The held lock; dropping it (or the end of the process) frees it.
pub struct RunLock {
    file: File,
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child that was forked meanwhile and has not yet become its program.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

impl RunLock {
    /// Takes the lock, waiting for it as `queue` says. What holds it is written into the file for others to name.
    pub fn take(cache_dir: &Path, function: &str, jid: Option<&str>, queue: Queue) -> Result<Self, LockError> {
        let path = cache_dir.join("state_run.lock");
        let unusable = |why: String| LockError::Unusable { path: path.display().to_string(), why };
        std::fs::create_dir_all(cache_dir).map_err(|error| unusable(plain(&error)))?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| unusable(plain(&error)))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(error) if error == rustix::io::Errno::WOULDBLOCK => {
                let place = queue.place(cache_dir).map_err(|error| unusable(plain(&error)))?;
                match (place, queue) {
                    (Some(_waiting), _) => {
                        flock(&file, FlockOperation::LockExclusive).map_err(|error| unusable(error.to_string()))?;
                    }
                    (None, Queue::AtMost(limit)) => {
                        return Err(LockError::Full { holder: held(&mut file).to_string(), limit });
                    }
                    (None, _) => return Err(held(&mut file)),
                }
            }
            Err(error) => return Err(unusable(error.to_string())),
        }
        let now = jiff::Zoned::now();
        let started = now.strftime("%Y, %b %d %H:%M:%S.%f");
        let text = format!("{}\n{}\n{}\n{}\n", function, std::process::id(), started, jid.unwrap_or("req"));
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
        written.map_err(|error| unusable(plain(&error)))?;
        Ok(Self { file })
    }

    /// Who holds the lock now, worded as `state.running` words it; nothing when it is free.
    pub fn holder(cache_dir: &Path) -> Option<String> {
        let mut file = File::open(cache_dir.join("state_run.lock")).ok()?;
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => None,
            Err(_) => Some(held(&mut file).to_string()),
        }
    }
}

fn held(file: &mut File) -> LockError {
    let mut text = String::new();
    let _ = file.take(4096).read_to_string(&mut text);
    let mut lines = text.lines().map(str::to_owned);
    let mut next = || lines.next().unwrap_or_else(|| "?".to_owned());
    LockError::Busy { function: next(), pid: next(), started: next(), jid: next() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_refused_and_told_who_runs() {
        let dir = tempfile::tempdir().unwrap();
        let first = RunLock::take(dir.path(), "state.apply", Some("20261120000000000000"), Queue::Refuse).unwrap();
        let second = RunLock::take(dir.path(), "state.apply", None, Queue::Refuse);
        let text = second.err().unwrap().to_string();
        assert!(text.contains("\"state.apply\" is running as PID") && text.contains("20261120000000000000"), "{text}");
        assert!(RunLock::holder(dir.path()).is_some());
        drop(first);
        assert!(RunLock::holder(dir.path()).is_none());
        assert!(RunLock::take(dir.path(), "state.apply", None, Queue::Refuse).is_ok());
    }
}
