//! `service.enabled` and `service.disabled`.

use fleet_common::args;

use super::shared::{Service, setting};
use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::services::Unit;

args! {
    /// Arguments of `service.enabled` and `service.disabled`.
    pub struct Name {
        /// The service.
        name: String,
        /// Taken for trees written for the reference: the state says it.
        enable: Option<bool> = None,
    }
}

/// `service.enabled`, or `service.disabled` with `enable` false.
pub struct Enabled {
    /// The service.
    pub name: String,
    /// Whether it is to start with the system.
    pub enable: bool,
}

/// What is to be done: nothing for a service that is not there, else to set the one that is like this.
pub type Todo = Option<Unit>;

impl Enabled {
    fn function(&self) -> &'static str {
        if self.enable { "service.enabled" } else { "service.disabled" }
    }

    fn service<'s>(&'s self, look: &Look) -> Result<Service<'s>, Failure> {
        Service::open(look, self.function(), &self.name, None)
    }

    fn comment(&self, changed: bool) -> String {
        format!("Service {} {}, and is in the desired state", self.name, setting(self.enable, changed))
    }
}

impl State for Enabled {
    type Todo = Todo;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let service = self.service(look)?;
        let unit = service.look()?;
        match (unit.known, self.enable) {
            (false, true) => {
                let would = service.would_be("enabled");
                Ok(Plan::Change { todo: None, would, did: Report::default() })
            }
            (false, false) => Ok(Plan::Nothing(Report::new(service.not_available()))),
            (true, enable) if unit.enabled == enable => Ok(Plan::Nothing(Report::new(self.comment(false)))),
            (true, enable) => {
                let word = if enable { "enabled" } else { "disabled" };
                let would = Report::new(format!("Service {} set to be {word}", self.name));
                Ok(Plan::Change { todo: Some(unit), would, did: Report::default() })
            }
        }
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let service = self.service(act)?;
        let Some(before) = todo else { return Err(Failure::new(service.not_available())) };
        let running = if before.running { "was already running" } else { "was left as it is" };
        let changed = service.set(&before, self.enable, running)?;
        Ok(Applied::Really(service.report(self.comment(true), changed.then_some(true))))
    }

    /// As in the reference: there is nothing such a state could do, and its author expects something.
    fn on_watch(&self, _look: &Look) -> Option<Result<Plan<Todo>, Failure>> {
        Some(Err(Failure::new(format!("Unable to trigger watch for {}", self.function()))))
    }
}
