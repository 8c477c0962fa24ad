//! `rabbitmq_plugin.*`: plugins that are enabled, and those that are not.

use super::report::changed;
use crate::cx::{Act, Look};
use crate::modules::rabbitmq::account::User;
use crate::modules::rabbitmq::setting::switch_plugin;
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "rabbitmq_plugin",
    doc: "Plugins of RabbitMQ.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "enabled",
            doc: "A plugin that is enabled, with those that it needs.",
            example: "rabbitmq_management: {rabbitmq_plugin.enabled: []}",
            args: User::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Switched { plugin: User::bind(f, a)?, on: true }))),
        },
        StateFunction {
            name: "disabled",
            doc: "A plugin that is disabled, with those that need it.",
            example: "rabbitmq_management: {rabbitmq_plugin.disabled: []}",
            args: User::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Switched { plugin: User::bind(f, a)?, on: false }))),
        },
    ],
};

struct Switched {
    plugin: User,
    on: bool,
}

impl Switched {
    fn is_on(&self) -> Result<bool, Failure> {
        Ok(self.plugin.rabbit().enabled_plugins()?.contains(&self.plugin.name))
    }
}

impl State for Switched {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = self.plugin.name.as_str();
        let word = if self.on { "enabled" } else { "disabled" };
        if self.is_on()? == self.on {
            return Ok(Plan::Nothing(Report::new(format!("Plugin '{name}' is already {word}."))));
        }
        let (old, new) = if self.on { ("", name) } else { (name, "") };
        let report = |text: &str| changed(format!("Plugin '{name}' {text} {word}."), old, new);
        Ok(Plan::Change { todo: (), would: report("is set to be"), did: report("was") })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        switch_plugin(act, &self.plugin.rabbit(), &self.plugin.name, self.on)?;
        // One that others need stays enabled, and the program does not say so.
        if self.is_on()? != self.on {
            let (name, word) = (&self.plugin.name, if self.on { "disabled" } else { "enabled" });
            return Err(Failure::new(format!(
                "Plugin '{name}' is still {word}: is another one enabled that needs it?"
            )));
        }
        Ok(Applied::AsPlanned)
    }
}
