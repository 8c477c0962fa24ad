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
    /// Reads it out of what apt wrote. When it has waited in vain it names the holder on standard output only.
    pub fn told(out: &str, err: &str, waited: Duration) -> Option<Self> {
        const REFUSALS: [&str; 3] = ["Could not get lock", "Unable to acquire the dpkg", "Unable to lock"];
        let is_refusal = |line: &&str| line.starts_with("E: ") && REFUSALS.iter().any(|words| line.contains(words));
        let refusal = err.lines().find(is_refusal)?.trim_start_matches("E: ");
        let holder =
            |line: &'_ str| line.find("Could not get lock").map(|at| line[at..].trim_end_matches('.').to_owned());
        let holder = err.lines().chain(out.lines()).find_map(holder);
        Some(Self { told: holder.unwrap_or_else(|| refusal.to_owned()), waited })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_named() {
        let err = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4 (dpkg)\nE: Unable to\n";
        let waited = "Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4 (dpkg)...\n";
        let in_vain =
            "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?\n";
        let said = |out, err| Locked::told(out, err, Duration::from_secs(3)).unwrap().to_string();
        for said in [said("", err), said(waited, in_vain)] {
            let wanted = "apt is locked: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4 (dpkg) (waited 3 s";
            assert!(said.starts_with(wanted), "{said}");
        }
        assert!(said("", in_vain).starts_with("apt is locked: Unable to acquire the dpkg frontend lock"));
        assert_eq!(Locked::told(waited, "E: Unable to locate package x\n", Duration::ZERO), None);
    }
}
