//! Jobs that outlive the daemon that started them: a restart of the minion, perhaps by the job itself, does not end them.
//!
//! A daemon that is told to stop says so to its workers and writes their jobs down; each worker goes on and looks for the
//! next daemon on `minion.sock`, which takes the job over there. What is not taken over in time ends and counts as interrupted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fleet_common::ids::Jid;
use tokio::sync::watch;

use crate::system::fs::{WriteOptions, write_atomic};

/// How long a worker whose daemon stopped looks for the next one; then it ends, with everything it started. Long enough
/// for a package that is replaced, short enough that a minion that was stopped for good leaves nothing behind.
pub const SEARCH: Duration = Duration::from_secs(120);
/// How long the next daemon waits for the workers of the one before, which look for it many times a second.
pub const GRACE: Duration = Duration::from_secs(30);
/// How long a daemon that stops waits until all its workers know.
pub const FAREWELL: Duration = Duration::from_secs(2);

/// Which jobs stay when this daemon goes, and which stayed when the one before went.
#[derive(Debug)]
pub struct Stays {
    file: PathBuf,
    leaving: watch::Sender<bool>,
    expected: Mutex<BTreeSet<Jid>>,
}

impl Stays {
    /// Reads what the daemon before left in this cache directory, once.
    pub fn read(cache_dir: &Path) -> Self {
        let file = cache_dir.join("staying");
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let expected = text.lines().filter_map(|line| line.parse().ok()).collect();
        // A job is waited for once, whatever becomes of this daemon.
        let _none = std::fs::remove_file(&file);
        Self { file, leaving: watch::Sender::new(false), expected: Mutex::new(expected) }
    }

    /// True if a worker of the daemon before may still run this job.
    pub fn expects(&self, jid: &Jid) -> bool {
        self.expected().contains(jid)
    }

    /// Takes a job over; false when it is not expected (any more).
    pub fn claim(&self, jid: &Jid) -> bool {
        self.expected().remove(jid)
    }

    /// All that nobody has taken over; they are not expected any more.
    pub fn give_up(&self) -> BTreeSet<Jid> {
        std::mem::take(&mut *self.expected())
    }

    /// Writes down which jobs stay, then tells the workers to look for the next daemon.
    pub fn leave(&self, jids: impl IntoIterator<Item = Jid>) {
        let text: String = jids.into_iter().map(|jid| format!("{jid}\n")).collect();
        let options = WriteOptions { mode: Some(0o600), ..WriteOptions::default() };
        match write_atomic(&self.file, text.as_bytes(), &options) {
            Ok(()) => {
                let seconds = SEARCH.as_secs();
                tracing::info!(jobs = text.lines().count(), seconds, "running jobs go on and wait for the next daemon");
                let _was_leaving = self.leaving.send_replace(true);
            }
            Err(error) => tracing::error!(%error, "the running jobs end with this daemon"),
        }
    }

    /// True from [`Stays::leave`] on.
    pub fn is_leaving(&self) -> bool {
        *self.leaving.borrow()
    }

    /// Waits for [`Stays::leave`].
    pub async fn leaving(&self) {
        // The sender is in this very value: it cannot be gone.
        drop(self.leaving.subscribe().wait_for(|leaving| *leaving).await);
    }

    fn expected(&self) -> MutexGuard<'_, BTreeSet<Jid>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn jobs_that_stay_are_expected_once_by_the_next_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let jid: Jid = "20260101000000000001".parse().unwrap();
        let first = Stays::read(dir.path());
        assert!(!first.is_leaving() && !first.expects(&jid));
        first.leave([jid.clone()]);
        assert!(first.is_leaving());
        let next = Stays::read(dir.path());
        assert!(next.expects(&jid) && next.claim(&jid) && !next.claim(&jid));
        assert!(!Stays::read(dir.path()).expects(&jid), "the file was read before");
    }
}
