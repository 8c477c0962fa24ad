//! What the states of `service` share: whether a service runs, and whether it starts with the system.

use fleet_common::call::CallError;

use crate::cx::Look;
use crate::modules::service::{is_running, services};
use crate::states::{Failure, Report};
use crate::system::services::{Order, Services, Unit};

/// A service and how it is found.
#[derive(Debug)]
pub(super) struct Service<'a> {
    pub name: &'a str,
    pub sig: Option<&'a str>,
    pub manager: Services,
}

impl<'a> Service<'a> {
    pub fn open(look: &Look, function: &str, name: &'a str, sig: Option<&'a str>) -> Result<Self, Failure> {
        Ok(Self { name, sig: sig.filter(|sig| !sig.is_empty()), manager: services(look, function)? })
    }

    /// What the service is now.
    pub fn look(&self) -> Result<Unit, Failure> {
        let unit = self.manager.look(self.name).map_err(CallError::from)?;
        self.seen(unit)
    }

    /// What the service is once it has arrived where it is going.
    pub fn settled(&self) -> Result<Unit, Failure> {
        let unit = self.manager.settled(self.name).map_err(CallError::from)?;
        self.seen(unit)
    }

    fn seen(&self, unit: Unit) -> Result<Unit, Failure> {
        let running = match self.sig {
            Some(sig) => is_running(&self.manager, self.name, Some(sig))?,
            None => unit.running,
        };
        Ok(Unit { running, ..unit })
    }

    pub fn order(&self, order: Order, wait: bool) -> Result<bool, Failure> {
        Ok(self.manager.order(order, self.name, wait).map_err(CallError::from)?)
    }

    /// Has the service start with the system, or not; true when that was not so before. `running` is for the message.
    pub fn set(&self, before: &Unit, enable: bool, running: &str) -> Result<bool, Failure> {
        if before.enabled == enable {
            return Ok(false);
        }
        let (order, start) = if enable { (Order::Enable, "start") } else { (Order::Disable, "not start") };
        let failed = |why: &str| {
            Failure::new(format!(
                "Failed when setting service {} to {start} at boot, but the service {running}.{why}",
                self.name
            ))
        };
        match self.manager.order(order, self.name, true) {
            Err(error) => Err(failed(&format!(" Additional information follows:\n\n{error}"))),
            Ok(false) => Err(failed("")),
            // What only others start stays so, whatever it is told.
            Ok(true) => Ok(self.look()?.enabled == enable),
        }
    }

    /// The comment with the last lines of the service's log, for one that did not stay up.
    pub fn with_last_words(&self, comment: String) -> String {
        match self.manager.last_words(self.name) {
            Some(words) => {
                format!("{comment}\nThe last lines of its log:\n    {}", words.replace('\n', "\n    "))
            }
            None => comment,
        }
    }

    /// A report on this service; `now` is the value of the change, if there is one.
    pub fn report(&self, comment: impl Into<String>, now: Option<bool>) -> Report {
        let report = Report::new(comment);
        match now {
            Some(now) => report.change(self.name, now),
            None => report,
        }
    }

    /// What a dry run says of a service that is not there (yet).
    pub fn would_be(&self, done: &str) -> Report {
        let name = self.name;
        Report::new(format!("Service {name} not present; if created in this state run, it would have been {done}"))
    }

    pub fn not_available(&self) -> String {
        format!("The named service {} is not available", self.name)
    }
}

/// `has been enabled` or `is already enabled`; `disabled` likewise.
pub(super) fn setting(enable: bool, changed: bool) -> String {
    let verb = if changed { "has been" } else { "is already" };
    format!("{verb} {}", if enable { "enabled" } else { "disabled" })
}
