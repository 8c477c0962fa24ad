//! Modules, sites and pieces of configuration of Apache that are switched on and off.

use fleet_common::args;
use fleet_common::value::Value;

use crate::cx::{Act, Look};
use crate::modules::apache::enabled::Kind;
use crate::states::{AnyState, Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};

/// Modules.
pub const MODULE: StateModule = StateModule {
    name: "apache_module",
    doc: "Modules of the web server Apache.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "enabled",
            doc: "A module that is switched on; the server has to be restarted to load it.",
            example: "rewrite: {apache_module.enabled: []}",
            args: Named::ROWS,
            make: |f, a| Ok(switched(Kind::Mod, true, Named::bind(f, a)?)),
        },
        StateFunction {
            name: "disabled",
            doc: "A module that is switched off.",
            example: "rewrite: {apache_module.disabled: []}",
            args: Named::ROWS,
            make: |f, a| Ok(switched(Kind::Mod, false, Named::bind(f, a)?)),
        },
    ],
};

/// Sites.
pub const SITE: StateModule = StateModule {
    name: "apache_site",
    doc: "Sites of the web server Apache.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "enabled",
            doc: "A site that is switched on.",
            example: "example.com: {apache_site.enabled: []}",
            args: Named::ROWS,
            make: |f, a| Ok(switched(Kind::Site, true, Named::bind(f, a)?)),
        },
        StateFunction {
            name: "disabled",
            doc: "A site that is switched off.",
            example: "000-default: {apache_site.disabled: []}",
            args: Named::ROWS,
            make: |f, a| Ok(switched(Kind::Site, false, Named::bind(f, a)?)),
        },
    ],
};

/// Pieces of configuration.
pub const CONF: StateModule = StateModule {
    name: "apache_conf",
    doc: "Pieces of configuration of the web server Apache.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "enabled",
            doc: "A piece of configuration that is switched on.",
            example: "security: {apache_conf.enabled: []}",
            args: Named::ROWS,
            make: |f, a| Ok(switched(Kind::Conf, true, Named::bind(f, a)?)),
        },
        StateFunction {
            name: "disabled",
            doc: "A piece of configuration that is switched off.",
            example: "security: {apache_conf.disabled: []}",
            args: Named::ROWS,
            make: |f, a| Ok(switched(Kind::Conf, false, Named::bind(f, a)?)),
        },
    ],
};

args! {
    /// What is switched.
    struct Named {
        /// Its name.
        name: String,
    }
}

struct Switched {
    kind: Kind,
    on: bool,
    name: String,
}

fn switched(kind: Kind, on: bool, Named { name }: Named) -> Box<dyn AnyState> {
    Box::new(PlannedState(Switched { kind, on, name }))
}

impl State for Switched {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let (name, verb) = (self.name.as_str(), if self.on { "enabled" } else { "disabled" });
        if self.kind.is_enabled(name)? == self.on {
            return Ok(Plan::Nothing(Report::new(format!("{name} already {verb}."))));
        }
        let value = |there: bool| if there { Value::from(name) } else { Value::Null };
        let changed = |text: String| Report::new(text).change("old", value(!self.on)).change("new", value(self.on));
        let would = changed(format!("Apache {} {name} is set to be {verb}.", self.kind.shown()));
        Ok(Plan::Change { todo: (), would, did: changed(String::new()) })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let verb = if self.on { "enable" } else { "disable" };
        let (name, kind) = (&self.name, self.kind.shown());
        let switched = self.kind.switch(act, name, self.on)?;
        switched.map_err(|why| Failure::new(format!("Failed to {verb} {name} Apache {kind} ({why})")))?;
        Ok(Applied::AsPlanned)
    }
}
