//! `network.routes`: routes that a link has when it is up.

use fleet_common::args;
use fleet_common::value::Value;

use super::differences::differences;
use crate::cx::{Act, Look};
use crate::modules::ip::keep;
use crate::states::{Applied, Failure, Plan, Report, Run, State};

args! {
    /// Arguments of `network.routes`.
    pub struct Routes {
        /// The link.
        name: String,
        /// Its routes: mappings with `ipaddr`, and `name`, `netmask`, `gateway`, `metric` as needed.
        routes: Value = Value::Null,
        /// Leave it to the next start to configure links anew.
        require_reboot: bool = false,
    }
}

impl State for Routes {
    type Todo = ();

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        keep::debian(look, "network.routes")?;
        let name = &self.name;
        let (old, new) = (keep::routes_now(name)?, keep::routes_then(name, &self.routes)?);
        if old == new {
            return Ok(Plan::Nothing(Report::new(format!("Interface {name} routes are up to date."))));
        }
        let (would, did, changes) = if old.is_empty() {
            let text = format!("Interface {name} routes are set to be added.");
            (text, format!("Interface {name} routes added."), format!("Added interface {name} routes."))
        } else {
            let changes = differences(&old, &new);
            let text = format!("Interface {name} routes are set to be updated:\n{changes}");
            (text, format!("Interface {name} routes updated."), changes)
        };
        let report = |text: String| Report::new(text).change("network_routes", changes.as_str());
        Ok(Plan::Change { todo: (), would: report(would), did: report(did) })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        keep::store_routes(act, &self.name, &self.routes)?;
        if !self.require_reboot {
            keep::restart(act)?;
        }
        Ok(Applied::AsPlanned)
    }
}
