//! The master's two clocks: the wall's for what people read, and one that no step of the wall moves.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use fleet_common::fault;
use rustix::time::{ClockId, clock_gettime};

/// Identifies a start of the machine.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// Tells the time, in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// The wall's time at `start`.
    base: u64,
    /// Milliseconds since the machine was started.
    start: u64,
}

impl Clock {
    /// A clock that starts with the wall's time as it is now.
    pub fn start() -> Self {
        Self { base: wall(), start: since_boot() }
    }

    /// Goes on as the master before did on this machine since the machine was started, by what it left in a file: a step
    /// of the wall's clock between two masters moves it as little as one during their lives.
    pub fn resume(path: &Path) -> Self {
        let boot = fs::read_to_string(BOOT).unwrap_or_default().trim().to_owned();
        if let Some(clock) = fs::read_to_string(path).ok().and_then(|text| Self::read(&text, &boot)) {
            return clock;
        }
        let clock = Self::start();
        if let Err(error) = clock.write(path, &boot) {
            tracing::warn!(%error, path = %path.display(), "a restart will take the time from the wall's clock");
        }
        clock
    }

    fn read(text: &str, boot: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let is_this_boot = !boot.is_empty() && words.next() == Some(boot);
        let mut number = || words.next()?.parse().ok();
        is_this_boot.then_some(())?;
        Some(Self { base: number()?, start: number()? })
    }

    fn write(self, path: &Path, boot: &str) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = path.with_extension("new");
        fs::write(&new, format!("{boot} {} {}\n", self.base, self.start))?;
        fs::rename(&new, path)
    }

    /// The wall's time, as the machine believes it at this moment.
    pub fn wall(&self) -> u64 {
        wall()
    }

    /// The master's time: jobs expire by it and minions learn it. It moves on evenly, whatever is done to the wall's
    /// clock, and while the machine sleeps.
    pub fn steady(&self) -> u64 {
        self.base + since_boot().saturating_sub(self.start)
    }
}

fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let told = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    told.saturating_add_signed(fault::clock_step())
}

fn since_boot() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    seconds * 1000 + nanoseconds / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_goes_on_and_another_start_of_the_machine_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache/clock");
        let boot = fs::read_to_string(BOOT).unwrap();
        let first = Clock::resume(&path);
        // Told an hour ago by the wall's clock: the restarted master stays in that hour.
        let earlier = Clock { base: first.base - 3_600_000, ..first };
        earlier.write(&path, boot.trim()).unwrap();
        let again = Clock::resume(&path);
        assert_eq!((again.base, again.start), (earlier.base, earlier.start));
        assert!(again.steady() < again.wall() - 3_500_000);
        earlier.write(&path, "another").unwrap();
        // Two clocks are read, and rounded, one after the other: not to the millisecond.
        let is_anew = |clock: Clock| clock.steady().abs_diff(first.steady()) < 60_000;
        assert!(is_anew(Clock::resume(&path)));
        fs::write(&path, "garbage").unwrap();
        assert!(is_anew(Clock::resume(&path)));
    }
}
