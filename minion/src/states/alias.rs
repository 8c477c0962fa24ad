//! `alias.*`: where mail for a name goes.

use fleet_common::args;
use fleet_common::value::Value;
use fleet_common::value::python::str_;

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::aliases as tool;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "alias",
    doc: "Where mail for a name goes.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A name that stands for these addresses.",
            example: "root: {alias.present: [{target: admin@example.com}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "No such name.",
            example: "root: {alias.absent: []}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `alias.present`.
    struct Present {
        /// The name (`root`).
        name: String,
        /// An address, or a list of them.
        target: Value,
    }
}

args! {
    /// Arguments of `alias.absent`.
    struct Absent {
        /// The name.
        name: String,
    }
}

fn changed(name: &str, text: String) -> Report {
    Report::new(text).change("alias", name)
}

impl State for Present {
    /// What it is to stand for.
    type Todo = String;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<String>, Failure> {
        let Self { name, target } = self;
        let wanted = tool::joined(target)?;
        tool::checked(name)?;
        if tool::target(look, name)?.as_ref() == Some(&wanted) {
            return Ok(Plan::Nothing(Report::new(format!("Alias {name} already present"))));
        }
        let shown = str_(target);
        Ok(Plan::Change {
            todo: wanted,
            would: changed(name, format!("Alias {name} -> {shown} is set to be added")),
            did: changed(name, format!("Set email alias {name} -> {shown}")),
        })
    }

    fn apply(&self, act: &Act, target: String) -> Result<Applied, Failure> {
        tool::set(act, &self.name, &target)?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = ();

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = &self.name;
        if tool::target(look, name)?.is_none() {
            return Ok(Plan::Nothing(Report::new(format!("Alias {name} already absent"))));
        }
        Ok(Plan::Change {
            todo: (),
            would: changed(name, format!("Alias {name} is set to be removed")),
            did: changed(name, format!("Removed alias {name}")),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        tool::remove(act, &self.name)?;
        Ok(Applied::AsPlanned)
    }
}
