//! `timezone.*`: the zone of the machine.

use fleet_common::args;

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::timezone as tool;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "timezone",
    doc: "The zone of the machine.",
    reacts: false,
    functions: &[StateFunction {
        name: "system",
        doc: "A zone, and a hardware clock that runs in UTC.",
        example: "Europe/Berlin: {timezone.system: []}",
        args: System::ROWS,
        make: |f, a| Ok(Box::new(PlannedState(System::bind(f, a)?))),
    }],
};

args! {
    /// Arguments of `timezone.system`.
    struct System {
        /// The zone (`Europe/Berlin`).
        name: String,
        /// The hardware clock runs in UTC; false leaves it as it is.
        utc: bool = true,
    }
}

/// What differs.
struct Todo {
    zone: bool,
    clock: bool,
}

impl State for System {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = &self.name;
        let same = tool::compare(name).map_err(|why| {
            Failure::new(format!("Unable to compare desired timezone '{name}' to system timezone: {why}"))
        })?;
        let todo = Todo { zone: !same, clock: self.utc && !tool::clock_is_utc() };
        if !todo.zone && !todo.clock {
            let mut lines = vec![format!("Timezone {name} already set")];
            lines.extend(self.utc.then(|| format!("UTC already set to {name}")));
            return Ok(Plan::Nothing(Report::new(lines.join(", "))));
        }
        let (mut would, mut did) = (Vec::new(), Vec::new());
        let (mut after, mut before) = (Report::default(), Report::default());
        if todo.zone {
            would.push(format!("Timezone {name} needs to be set"));
            did.push(format!("Set timezone {name}"));
            after = after.change("timezone", name.as_str());
            before = before.change("timezone", name.as_str());
        }
        if todo.clock {
            would.push("UTC needs to be set to True".to_owned());
            did.push("Set UTC to True".to_owned());
            after = after.change("utc", true);
            before = before.change("utc", true);
        }
        before.comment = would.join(", ");
        after.comment = did.join(", ");
        Ok(Plan::Change { todo, would: before, did: after })
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        if todo.zone {
            tool::set(&self.name).map_err(|why| Failure::new(format!("Failed to set timezone: {why}")))?;
        }
        if todo.clock {
            tool::set_clock(true).map_err(|why| Failure::new(format!("Failed to set UTC to True: {why}")))?;
        }
        Ok(Applied::AsPlanned)
    }
}
