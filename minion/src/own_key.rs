//! The minion's key as it lies on disk: it may be replaced while the daemon runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fleet_common::crypto::fingerprint::Fingerprint;
use fleet_common::crypto::keys::Identity;
use fleet_common::diag::Diagnostic;
use tokio::sync::Notify;

/// The key, and who waits for another one.
#[derive(Debug)]
pub struct OwnKey {
    /// `None` when the key lives in memory only.
    directory: Option<PathBuf>,
    /// As it was read last: the one that the open session has shown.
    last: Mutex<Arc<Identity>>,
    asked: Notify,
}

impl OwnKey {
    /// The key in a minion's `pki` directory; made when there is none.
    pub fn load(directory: &Path) -> Result<Self, Diagnostic> {
        let last = Mutex::new(Arc::new(Identity::load_or_create(directory)?));
        Ok(Self { directory: Some(directory.to_owned()), last, asked: Notify::new() })
    }

    /// A key that is never replaced.
    pub fn in_memory(identity: Arc<Identity>) -> Self {
        Self { directory: None, last: Mutex::new(identity), asked: Notify::new() }
    }

    /// Reads the key anew.
    pub fn read(&self) -> Result<Arc<Identity>, Diagnostic> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(directory) = &self.directory {
            *last = Arc::new(Identity::load_or_create(directory)?);
        }
        Ok(last.clone())
    }

    /// The fingerprint of the key that was read last.
    pub fn finger(&self) -> Fingerprint {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).fingerprint()
    }

    /// Somebody says that the files may have changed.
    pub fn look(&self) {
        self.asked.notify_one();
    }

    /// Waits until somebody says so.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Waits until somebody says so and it is true: a session with the key that was read last is over then.
    pub async fn replaced(&self) {
        loop {
            self.asked().await;
            let before = self.finger();
            match self.read() {
                Ok(now) if now.fingerprint() != before => return,
                Ok(_) => {}
                Err(fault) => tracing::error!("{fault}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_replaced_key_is_noticed_when_somebody_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let own = OwnKey::load(dir.path()).unwrap();
        let first = own.finger();
        own.look();
        assert!(timeout(Duration::from_millis(50), own.replaced()).await.is_err(), "it is the same");
        let (_, new) = Identity::rotate(dir.path()).unwrap();
        assert_eq!(own.finger(), first);
        own.look();
        timeout(Duration::from_secs(10), own.replaced()).await.unwrap();
        assert_eq!(own.finger(), new.fingerprint());
    }
}
