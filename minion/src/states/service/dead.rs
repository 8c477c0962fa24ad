//! `service.dead`.

use fleet_common::args;
use fleet_common::value::Value;

use super::shared::{Service, setting};
use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::services::{Order, Unit};

args! {
    /// Arguments of `service.dead`.
    pub struct Dead {
        /// The service.
        name: String,
        /// Whether it starts with the system; not set: as it is.
        enable: Option<bool> = None,
        /// A regular expression that the command line of its process fits, instead of asking the manager.
        sig: Option<String> = None,
        /// Not used: there is nothing to wait for.
        init_delay: Value = Value::Null,
        /// Only queue the order; do not wait.
        no_block: bool = false,
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub enum Todo {
    /// There is no such service, and nothing made one.
    Missing,
    /// Stop it, or set whether it starts with the system.
    Settle(Unit),
    /// Stop it because something watched changed.
    Stop,
}

impl Dead {
    fn service<'s>(&'s self, look: &Look) -> Result<Service<'s>, Failure> {
        Service::open(look, "service.dead", &self.name, self.sig.as_deref())
    }

    fn differs(&self, unit: &Unit) -> Option<bool> {
        self.enable.filter(|enable| *enable != unit.enabled)
    }

    fn stop(&self, service: &Service<'_>) -> Result<(), Failure> {
        let told = service.order(Order::Stop, !self.no_block)?;
        if told && (self.no_block || !service.look()?.running) {
            return Ok(());
        }
        Err(Failure::new(format!("Service {} failed to die", self.name)))
    }

    fn settle(&self, act: &Act, before: &Unit) -> Result<Report, Failure> {
        let service = self.service(act)?;
        if !before.running {
            let Some(enable) = self.differs(before) else { return Ok(Report::default()) };
            let changed = service.set(before, enable, "was already dead")?;
            let comment = format!("Service {} {}, and is in the desired state", self.name, setting(enable, true));
            return Ok(service.report(comment, changed.then_some(true)));
        }
        self.stop(&service)?;
        let changed = match self.differs(before) {
            Some(enable) => service.set(before, enable, "was stopped")?,
            None => false,
        };
        let comment = match self.enable {
            None => format!("Service {} was killed", self.name),
            Some(enable) => format!("Service {} {}, and is dead", self.name, setting(enable, changed)),
        };
        Ok(service.report(comment, Some(changed)))
    }
}

impl State for Dead {
    type Todo = Todo;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let service = self.service(look)?;
        let unit = service.look()?;
        if !unit.known {
            let (would, did) = (service.would_be("stopped"), Report::new(service.not_available()));
            return Ok(Plan::Change { todo: Todo::Missing, would, did });
        }
        let comment = match (unit.running, self.differs(&unit)) {
            (true, _) => format!("Service {} is set to be killed", self.name),
            (false, Some(true)) => format!("Service {} set to be enabled", self.name),
            (false, Some(false)) => format!("Service {} set to be disabled", self.name),
            (false, None) => {
                return Ok(Plan::Nothing(Report::new(format!("The service {} is already dead", self.name))));
            }
        };
        Ok(Plan::Change { todo: Todo::Settle(unit), would: Report::new(comment), did: Report::default() })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        match todo {
            Todo::Missing => Ok(Applied::AsPlanned),
            Todo::Settle(before) => self.settle(act, &before).map(Applied::Really),
            Todo::Stop => self.stop(&self.service(act)?).map(|()| Applied::AsPlanned),
        }
    }

    fn on_watch(&self, look: &Look) -> Option<Result<Plan<Todo>, Failure>> {
        let planned = self.service(look).and_then(|service| {
            if !service.look()?.running {
                return Ok(Plan::Nothing(Report::new("Service is already stopped")));
            }
            let would = Report::new("Service is set to be stopped");
            Ok(Plan::Change { todo: Todo::Stop, would, did: service.report("Service stopped", Some(true)) })
        });
        Some(planned)
    }
}
