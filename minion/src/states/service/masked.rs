//! `service.masked` and `service.unmasked`.

use fleet_common::args;
use fleet_common::call::CallError;
use fleet_common::value::Map;

use crate::cx::{Act, Look};
use crate::modules::service::services;
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::services::Systemd;

args! {
    /// Arguments of `service.masked` and `service.unmasked`.
    pub struct Masking {
        /// The service.
        name: String,
        /// Until the system stops only.
        runtime: bool = false,
    }
}

/// `service.masked`, or `service.unmasked` with `mask` false.
pub struct Masked {
    /// The arguments.
    pub args: Masking,
    /// Whether the service is to be masked.
    pub mask: bool,
}

impl Masked {
    fn function(&self) -> &'static str {
        if self.mask { "service.masked" } else { "service.unmasked" }
    }

    fn systemd(&self, look: &Look) -> Result<Systemd, Failure> {
        let services = services(look, self.function())?;
        Ok(services.systemd(self.function()).map_err(CallError::from)?.clone())
    }
}

impl State for Masked {
    type Todo = ();

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = &self.args.name;
        let masked = self.systemd(look)?.is_masked(name, self.args.runtime).map_err(CallError::from)?;
        let kind = if self.args.runtime { "runtime " } else { "" };
        let word = if self.mask { "masked" } else { "unmasked" };
        if masked == self.mask {
            let verb = if self.mask { "is already" } else { "was already" };
            return Ok(Plan::Nothing(Report::new(format!("Service {name} {verb} {kind}{word}"))));
        }
        let report = |verb: &str| {
            let change = Map::from_iter([("old", masked), ("new", self.mask)]);
            Report::new(format!("Service {name} {verb} {kind}{word}")).change(format!("{kind}masked"), change)
        };
        Ok(Plan::Change { todo: (), would: report("would be"), did: report("was") })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let name = &self.args.name;
        let verb = if self.mask { "mask" } else { "unmask" };
        self.systemd(act)?.mask(name, self.mask, self.args.runtime).map_err(|error| {
            Failure::new(format!("Failed to {verb} service '{name}'. Additional info follows:\n\n{error}"))
        })?;
        Ok(Applied::AsPlanned)
    }

    fn on_watch(&self, _look: &Look) -> Option<Result<Plan<()>, Failure>> {
        Some(Err(Failure::new(format!("Unable to trigger watch for {}", self.function()))))
    }
}
