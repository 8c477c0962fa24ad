//! The master's two clocks: the wall's for what people read, and one that no step of the wall moves.

use std::time::{SystemTime, UNIX_EPOCH};

use fleet_common::fault;
use rustix::time::{ClockId, clock_gettime};

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
