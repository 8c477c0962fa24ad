//! What a state run does while another one holds the machine, and how many wait.
//!
//! Who waits holds one of the files `state_run.queue/N` locked: the kernel frees it however the process ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use fleet_common::call::FromValue;
use fleet_common::value::Value;
use rustix::fs::{FlockOperation, flock};

/// Runs that wait at most where nobody set a limit: each is a process.
const MOST: u32 = 1000;

/// `queue=` of a call, `state_queue` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Refuse.
    Refuse,
    /// Wait.
    Wait,
    /// Wait unless so many wait already.
    AtMost(u32),
}

impl FromValue for Queue {
    const KIND: &'static str = "True, False or a number above 0";

    fn from_value(value: Value) -> Result<Self, Value> {
        if let Value::Int(number) = value {
            return match u32::try_from(number) {
                Ok(0) => Ok(Self::Refuse),
                Ok(number) => Ok(Self::AtMost(number)),
                Err(_) => Err(value),
            };
        }
        bool::from_value(value).map(|wait| if wait { Self::Wait } else { Self::Refuse })
    }
}

impl Queue {
    /// A place among those that wait; none when all are taken, or nobody may wait.
    pub(super) fn place(self, cache_dir: &Path) -> io::Result<Option<Place>> {
        let most = match self {
            Self::Refuse => 0,
            Self::Wait => MOST,
            Self::AtMost(limit) => limit.min(MOST),
        };
        let folder = cache_dir.join("state_run.queue");
        for number in 0..most {
            std::fs::create_dir_all(&folder)?;
            let mut options = OpenOptions::new();
            let options = options.write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(folder.join(number.to_string()))?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(Place { file })),
                Err(error) if error == rustix::io::Errno::WOULDBLOCK => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

/// A place in the queue; free again when dropped.
pub(super) struct Place {
    file: File,
}

impl Drop for Place {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child that was forked meanwhile.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_wait_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let two = Queue::AtMost(2);
        let first = two.place(dir.path()).unwrap();
        let second = two.place(dir.path()).unwrap();
        assert!(first.is_some() && second.is_some());
        assert!(two.place(dir.path()).unwrap().is_none());
        assert!(Queue::Wait.place(dir.path()).unwrap().is_some());
        assert!(Queue::Refuse.place(dir.path()).unwrap().is_none());
        drop(first);
        assert!(two.place(dir.path()).unwrap().is_some());
    }

    #[test]
    fn a_truth_or_a_number_is_read() {
        let read = |value: Value| Queue::from_value(value).ok();
        assert_eq!(read(Value::Bool(true)), Some(Queue::Wait));
        assert_eq!(read(Value::from("False")), Some(Queue::Refuse));
        assert_eq!(read(Value::from(3)), Some(Queue::AtMost(3)));
        assert_eq!(read(Value::from(0)), Some(Queue::Refuse));
        assert_eq!(read(Value::from(-1)), None);
        assert_eq!(read(Value::from("perhaps")), None);
    }
}
