//! `locale.*`: languages of the machine.

use fleet_common::args;

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::locale::{self as tool, Maker};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "locale",
    doc: "Languages of the machine.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A locale that the machine has; it is made when it is missing.",
            example: "de_DE.UTF-8: {locale.present: []}",
            args: Name::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present(Name::bind(f, a)?)))),
        },
        StateFunction {
            name: "system",
            doc: "The locale that programs start with.",
            example: "de_DE.UTF-8: {locale.system: []}",
            args: Name::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(System(Name::bind(f, a)?)))),
        },
    ],
};

args! {
    /// A locale.
    struct Name {
        /// Its name (`de_DE.UTF-8`).
        name: String,
    }
}

struct Present(Name);
struct System(Name);

fn changed(name: &str, text: String) -> Report {
    Report::new(text).change("locale", name)
}

impl State for Present {
    type Todo = Maker;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Maker>, Failure> {
        let name = &self.0.name;
        if tool::has(name)? {
            return Ok(Plan::Nothing(Report::new(format!("Locale {name} is already present"))));
        }
        let unknown = || Failure::new(format!("Failed to generate locale {name}: the system does not know it"));
        Ok(Plan::Change {
            todo: tool::maker(name)?.ok_or_else(unknown)?,
            would: changed(name, format!("Locale {name} needs to be generated")),
            did: changed(name, format!("Generated locale {name}")),
        })
    }

    fn apply(&self, act: &Act, todo: Maker) -> Result<Applied, Failure> {
        let said = tool::generate(act, &todo)?;
        if tool::has(&self.0.name)? {
            return Ok(Applied::AsPlanned);
        }
        Err(Failure::new(format!("Failed to generate locale {}: {said}", self.0.name)))
    }
}

impl State for System {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = &self.0.name;
        tool::checked(name)?;
        if tool::current()? == *name {
            return Ok(Plan::Nothing(Report::new(format!("System locale {name} already set"))));
        }
        Ok(Plan::Change {
            todo: (),
            would: changed(name, format!("System locale {name} needs to be set")),
            did: changed(name, format!("Set system locale {name}")),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        tool::set(act, &self.0.name)?;
        Ok(Applied::AsPlanned)
    }
}
