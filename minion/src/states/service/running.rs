//! `service.running`.

use std::time::Duration;

use fleet_common::args;

use super::shared::{Service, setting};
use crate::cx::{Act, Look};
use crate::modules::service::unmask;
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::services::{Order, Unit};

args! {
    /// Arguments of `service.running`.
    pub struct Running {
        /// The service.
        name: String,
        /// Whether it starts with the system; not set: as it is.
        enable: Option<bool> = None,
        /// A regular expression that the command line of its process fits, instead of asking the manager.
        sig: Option<String> = None,
        /// Seconds to wait after a start before the state is done.
        init_delay: Option<f64> = None,
        /// Only queue orders; do not wait.
        no_block: bool = false,
        /// Take the mask away before.
        unmask: bool = false,
        /// Take the mask away before that lasts until the system stops.
        unmask_runtime: bool = false,
        /// When something watched changed: reload instead of a restart.
        reload: bool = false,
        /// When something watched changed: stop and start, even if `reload` is set.
        full_restart: bool = false,
        /// With `reload`: restart if the service cannot reload.
        force: bool = false,
        /// Taken for trees written for the reference: a change of what is watched restarts unless `reload` is set.
        restart: bool = true,
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub enum Todo {
    /// There is no such service, and nothing made one.
    Missing,
    /// Bring it up, or set whether it starts with the system.
    Settle(Unit),
    /// React to a change of something watched.
    React(Order, &'static str),
}

impl Running {
    fn service<'s>(&'s self, look: &Look) -> Result<Service<'s>, Failure> {
        Service::open(look, "service.running", &self.name, self.sig.as_deref())
    }

    fn differs(&self, unit: &Unit) -> Option<bool> {
        self.enable.filter(|enable| *enable != unit.enabled)
    }

    /// Whether a mask is to be taken away.
    fn masked(&self, service: &Service<'_>) -> Result<bool, Failure> {
        let mut masked = false;
        for (asked, runtime) in [(self.unmask, false), (self.unmask_runtime, true)] {
            if asked {
                let systemd = service.manager.systemd("unmask").map_err(fleet_common::call::CallError::from)?;
                masked |= systemd.is_masked(&self.name, runtime).map_err(fleet_common::call::CallError::from)?;
            }
        }
        Ok(masked)
    }

    /// The comment with what is said of masks, if they were asked about.
    fn with_mask(&self, comment: String, masked: bool, dry: bool) -> String {
        let said = match (self.unmask || self.unmask_runtime, masked, dry) {
            (false, ..) => return comment,
            (true, false, _) => "was already",
            (true, true, true) => "would be",
            (true, true, false) => "was",
        };
        format!("{comment}\nService {} {said} unmasked", self.name)
    }

    fn start(&self, service: &Service<'_>, before: &Unit) -> Result<Report, Failure> {
        if !service.order(Order::Start, !self.no_block)? {
            return Err(Failure::new(format!("Service {} failed to start", self.name)));
        }
        let changed = match self.enable {
            Some(enable) => service.set(before, enable, "was started")?,
            None => false,
        };
        // One that is only queued is taken at its word.
        let running = self.no_block || service.settled()?.running;
        let comment = match self.enable {
            None if running => format!("Started service {}", self.name),
            None => format!("Service {} failed to start", self.name),
            Some(enable) => {
                let now = if running { "running" } else { "dead" };
                format!("Service {} {}, and is {now}", self.name, setting(enable, changed))
            }
        };
        if !running {
            return Err(Failure(service.report(service.with_last_words(comment), changed.then_some(true))));
        }
        let delayed = self.delay().map(|delay| format!("\nDelayed return for {delay} seconds"));
        Ok(service.report(comment + delayed.as_deref().unwrap_or_default(), Some(true)))
    }

    /// Waits as long as the author wants; how many seconds.
    fn delay(&self) -> Option<f64> {
        let seconds = self.init_delay.filter(|seconds| *seconds > 0.0)?;
        std::thread::sleep(Duration::try_from_secs_f64(seconds).ok()?);
        Some(seconds)
    }

    fn settle(&self, act: &Act, before: &Unit) -> Result<Report, Failure> {
        let service = self.service(act)?;
        let masked = unmask(&service.manager, &self.name, self.unmask, self.unmask_runtime)?;
        let report = if before.running {
            let changed = match self.differs(before) {
                Some(enable) => service.set(before, enable, "was already running")?,
                None => false,
            };
            let comment = match self.differs(before) {
                Some(enable) => format!("Service {} {}, and is in the desired state", self.name, setting(enable, true)),
                None => format!("The service {} is already running", self.name),
            };
            service.report(comment, (changed || masked).then_some(true))
        } else {
            self.start(&service, before)?
        };
        Ok(Report { comment: self.with_mask(report.comment, masked, false), ..report })
    }

    fn react(&self, act: &Act, order: Order, done: &str) -> Result<Report, Failure> {
        let service = self.service(act)?;
        let verb = match order {
            Order::Start => "start",
            Order::Reload => "reload",
            Order::ForceReload => "force_reload",
            _ => "restart",
        };
        if !service.order(order, !self.no_block)? {
            return Err(Failure::new(format!("Failed to {verb} the service")));
        }
        if !self.no_block && !service.settled()?.running {
            let comment = format!("Service {done}, but it did not stay up");
            return Err(Failure(service.report(service.with_last_words(comment), Some(false))));
        }
        self.delay();
        Ok(service.report(format!("Service {done}"), Some(true)))
    }
}

impl State for Running {
    type Todo = Todo;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let service = self.service(look)?;
        let unit = service.look()?;
        if !unit.known {
            let would = service.would_be("started");
            return Ok(Plan::Change { todo: Todo::Missing, would, did: Report::default() });
        }
        let masked = self.masked(&service)?;
        let comment = match (unit.running, self.differs(&unit)) {
            (false, _) => format!("Service {} is set to start", self.name),
            (true, Some(true)) => format!("Service {} set to be enabled", self.name),
            (true, Some(false)) => format!("Service {} set to be disabled", self.name),
            (true, None) => format!("The service {} is already running", self.name),
        };
        let would = Report::new(self.with_mask(comment, masked, true));
        if unit.running && self.differs(&unit).is_none() && !masked {
            return Ok(Plan::Nothing(would));
        }
        Ok(Plan::Change { todo: Todo::Settle(unit), would, did: Report::default() })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let report = match todo {
            Todo::Missing => return Err(Failure::new(self.service(act)?.not_available())),
            Todo::Settle(before) => self.settle(act, &before)?,
            Todo::React(order, done) => self.react(act, order, done)?,
        };
        Ok(Applied::Really(report))
    }

    fn on_watch(&self, look: &Look) -> Option<Result<Plan<Todo>, Failure>> {
        let planned = self.service(look).and_then(|service| service.look()).map(|unit| {
            let (order, done) = match (unit.running, self.full_restart, self.reload, self.force) {
                (false, ..) => (Order::Start, "started"),
                (true, false, true, false) => (Order::Reload, "reloaded"),
                (true, false, true, true) => (Order::ForceReload, "forcefully reloaded"),
                (true, ..) => (Order::Restart, "restarted"),
            };
            let would = Report::new(format!("Service is set to be {done}"));
            Plan::Change { todo: Todo::React(order, done), would, did: Report::default() }
        });
        Some(planned)
    }
}
