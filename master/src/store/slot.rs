//! Opened tables that can be opened again: after an error of the disk the engine refuses every write until then.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::StoreError;

/// How long is waited for those who still read in tables that are to be closed.
const CLOSING: Duration = Duration::from_secs(2);

/// A place for tables; opened when first needed.
pub(super) struct Slot<T>(Mutex<Option<Arc<T>>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Slot<T> {
    /// The tables; opens them if nobody did.
    pub(super) fn get(&self, open: impl FnOnce() -> Result<T, StoreError>) -> Result<Arc<T>, StoreError> {
        let mut slot = self.lock();
        match &*slot {
            Some(tables) => Ok(tables.clone()),
            None => Ok(slot.insert(Arc::new(open()?)).clone()),
        }
    }

    /// Closes these tables, so that whoever comes next opens them again: their engine, which allows one user of its
    /// files, must be gone by then. Readers that stay longer than [`CLOSING`] make the next opening fail, no more.
    pub(super) fn close(&self, tables: Arc<T>) {
        let mut slot = self.lock();
        if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, &tables)) {
            *slot = None;
            let end = Instant::now() + CLOSING;
            // The caller's own is the last one.
            while Arc::strong_count(&tables) > 1 && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(1));
            }
            // Nobody opens them again before this one is gone. The engine panics when it cannot bring its last changes to
            // the disk.
            if catch_unwind(AssertUnwindSafe(|| drop(tables))).is_err() {
                tracing::error!("a database that failed did not close well");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Engine {
        is_bad: bool,
    }

    impl Drop for Engine {
        fn drop(&mut self) {
            assert!(!self.is_bad, "no space left for the last changes");
        }
    }

    #[test]
    fn tables_that_close_badly_are_opened_again() {
        let slot = Slot::default();
        let bad = slot.get(|| Ok(Engine { is_bad: true })).unwrap();
        slot.close(bad);
        assert!(!slot.get(|| Ok(Engine { is_bad: false })).unwrap().is_bad);
    }
}
