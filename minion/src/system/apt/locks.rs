//! What apt says when another program holds its lock.

use std::time::Duration;

/// Another program holds a lock of apt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("apt is locked: {told} (waited {} s; 'apt_lock_timeout' in the minion's configuration waits longer)", .waited.as_secs())]
pub struct Locked {
    /// apt's own words, with the holder where it knows it.
    told: String,
    waited: Duration,
}

impl Locked {
    /// Reads it out of what apt wrote.
    pub fn told(stderr: &str, waited: Duration) -> Option<Self> {
        let line = stderr.lines().find(|line| line.starts_with("E: ") && line.contains("Could not get lock"))?;
        Some(Self { told: line.trim_start_matches("E: ").to_owned(), waited })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_named() {
        let err = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4 (dpkg)\nE: Unable to\n";
        let locked = Locked::told(err, Duration::from_secs(3)).unwrap().to_string();
        assert!(locked.starts_with(
            "apt is locked: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4 (dpkg) (waited 3 s"
        ));
        assert_eq!(Locked::told("E: Unable to locate package x\n", Duration::ZERO), None);
    }
}
