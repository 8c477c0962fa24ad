//! `sysctl.*`: settings of the kernel.

use std::path::Path;

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::sysctl::{Persist, persist, settled};
use crate::system::sysctl::{Kernel, default_file, plain_value, read};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "sysctl",
    doc: "Settings of the kernel.",
    reacts: false,
    functions: &[StateFunction {
        name: "present",
        doc: "A setting with this value, now and after the next start.",
        example: "net.ipv4.ip_forward: {sysctl.present: [{value: 1}]}",
        args: Persist::ROWS,
        make: |f, a| Ok(Box::new(PlannedState(Present(Persist::bind(f, a)?)))),
    }],
};

struct Present(Persist);

impl Present {
    fn file(&self) -> &Path {
        Path::new(self.0.config.as_deref().unwrap_or_else(|| default_file()))
    }

    fn failed(&self, why: impl std::fmt::Display) -> Failure {
        Failure::new(format!("Failed to set {} to {}: {why}", self.0.name, self.0.value))
    }
}

impl State for Present {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let Persist { name, value, .. } = &self.0;
        if settled(name, value, self.file()).map_err(|why| self.failed(why))? {
            return Ok(Plan::Nothing(Report::new(format!("Sysctl value {name} = {value} is already set"))));
        }
        let now = Kernel::default().get(name).map_err(|why| self.failed(why))?;
        let kept = read(self.file()).map_err(|why| self.failed(why))?;
        let in_file = kept.is_some_and(|settings| settings.iter().any(|(known, _)| known == name));
        let would = if in_file {
            format!("Sysctl option {name} would be changed to {value}")
        } else if plain_value(&now) == plain_value(value) {
            format!(
                "Sysctl value is currently set on the running system but not in a config file. Sysctl option {name} \
                 set to be changed to {value} in config file."
            )
        } else {
            format!("Sysctl option {name} set to be changed to {value}")
        };
        let changed = |text: String| Report::new(text).change(name.as_str(), value.as_str());
        let did = changed(format!("Updated sysctl value {name} = {value}"));
        Ok(Plan::Change { todo: (), would: changed(would), did })
    }

    fn apply(&self, _act: &Act, (): ()) -> Result<Applied, Failure> {
        let Persist { name, value, .. } = &self.0;
        persist(name, value, self.file()).map_err(|why| self.failed(why))?;
        Ok(Applied::AsPlanned)
    }
}
