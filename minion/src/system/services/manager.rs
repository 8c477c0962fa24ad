//! One set of questions and orders for whatever manages services.

use std::time::{Duration, Instant};

use super::{ServiceError, Systemd, Sysv};

/// What a service is found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unit {
    /// There is a service of that name.
    pub known: bool,
    /// It runs.
    pub running: bool,
    /// It is on its way up or down.
    pub moving: bool,
    /// It starts with the system (or is started by something that does).
    pub enabled: bool,
}

/// What a service is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop it if it runs, and start it.
    Restart,
    /// Read its configuration again.
    Reload,
    /// The same, or a restart if it cannot.
    ForceReload,
    /// Start it with the system.
    Enable,
    /// Do not start it with the system.
    Disable,
}

/// How long a service that is on its way may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a service must have been up to count as running: one that cannot work ends within that time.
const STEADY: Duration = Duration::from_millis(300);

/// What manages services.
#[derive(Debug, Clone)]
pub enum Services {
    /// systemd.
    Systemd(Systemd),
    /// Scripts in `/etc/init.d`.
    Sysv(Sysv),
}

impl Services {
    /// What a service is now.
    pub fn look(&self, name: &str) -> Result<Unit, ServiceError> {
        match self {
            Self::Systemd(systemd) => systemd.look(name),
            Self::Sysv(sysv) => sysv.look(name),
        }
    }

    /// Gives an order; false when the manager says no without a reason. With `wait` false it is only queued.
    pub fn order(&self, order: Order, name: &str, wait: bool) -> Result<bool, ServiceError> {
        match self {
            Self::Systemd(systemd) => systemd.order(order, name, wait),
            Self::Sysv(sysv) => sysv.order(order, name),
        }
    }

    /// Names of all services, sorted.
    pub fn all(&self) -> Result<Vec<String>, ServiceError> {
        match self {
            Self::Systemd(systemd) => systemd.all(),
            Self::Sysv(sysv) => Ok(sysv.all()),
        }
    }

    /// systemd, for what only it can do.
    pub fn systemd(&self, what: &'static str) -> Result<&Systemd, ServiceError> {
        match self {
            Self::Systemd(systemd) => Ok(systemd),
            Self::Sysv(_) => Err(ServiceError::NoSystemd { what }),
        }
    }

    /// What a service is once it has arrived: on its way for no longer than [`PATIENCE`], and up for a moment.
    pub fn settled(&self, name: &str) -> Result<Unit, ServiceError> {
        let begun = Instant::now();
        let mut up_since = None;
        loop {
            let unit = self.look(name)?;
            let up = *up_since.get_or_insert_with(Instant::now);
            if !unit.running {
                up_since = None;
            }
            let steady = unit.running && up.elapsed() >= STEADY;
            if steady || (!unit.running && !unit.moving) || begun.elapsed() > PATIENCE {
                return Ok(unit);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The last lines a service wrote since it was started, if its manager keeps them.
    pub fn last_words(&self, name: &str) -> Option<String> {
        match self {
            Self::Systemd(systemd) => systemd.last_words(name),
            Self::Sysv(_) => None,
        }
    }
}
