//! `network.system`: settings of the whole network.

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::differences::differences;
use crate::cx::{Act, Look};
use crate::modules::ip::keep;
use crate::modules::ip::settings::{self, Settings};
use crate::states::{Applied, Failure, Plan, Report, Run, State};

args! {
    /// Arguments of `network.system`.
    pub struct System {
        /// What it is for; not used.
        name: String,
        /// The settings: `enabled`, `hostname`, `apply_hostname`, `require_reboot`.
        **settings: Map,
    }
}

impl State for System {
    type Todo = Settings;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Settings>, Failure> {
        keep::debian(look, "network.system")?;
        let wanted = Settings::of(&self.settings)?;
        let (old, new) = (settings::now()?, settings::then(&wanted)?);
        if old == new && !wanted.renames() {
            return Ok(Plan::Nothing(Report::new("Global network settings are up to date.")));
        }
        let mut changes = Map::new();
        if old != new {
            changes.insert("network_settings", differences(&old, &new));
        }
        if let Some(name) = wanted.hostname.as_deref().filter(|_| wanted.renames()) {
            changes.insert("hostname", name);
        }
        let shown = changes.get("network_settings").and_then(Value::as_str).unwrap_or_default();
        let would = format!("Global network settings are set to be updated:\n{shown}");
        Ok(Plan::Change {
            todo: wanted,
            would: Report::new(would).changes(changes.clone()),
            did: Report::new("Global network settings are up to date.").changes(changes),
        })
    }

    fn apply(&self, act: &Act, todo: Settings) -> Result<Applied, Failure> {
        settings::keep(act, &todo)?;
        keep::apply(act, &todo)?;
        Ok(Applied::AsPlanned)
    }
}
