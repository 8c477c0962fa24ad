//! `rabbitmq_policy.*`: policies of virtual hosts.

use fleet_common::args;
use fleet_common::value::{Map, Value, json_load as json};

use super::report::changed;
use crate::cx::{Act, Look};
use crate::modules::rabbitmq::arguments::on_rabbit;
use crate::modules::rabbitmq::setting::{Policy, definition, delete_policy, set_policy};
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::system::rabbitmq::Rabbit;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "rabbitmq_policy",
    doc: "Policies of RabbitMQ.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A policy that says this.",
            example: "expire: {rabbitmq_policy.present: [{pattern: '^tmp'}, {definition: '{\"expires\": 1800000}'}]}",
            args: Wanted::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Wanted::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "A policy that is not there.",
            example: "expire: {rabbitmq_policy.absent: [{vhost: /shop}]}",
            args: Unwanted::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Unwanted::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `rabbitmq_policy.present`.
    struct Wanted {
        /// The policy.
        name: String,
        /// The names that it is for.
        pattern: String,
        /// What it says: JSON, or a mapping.
        definition: Value,
        /// The one with the highest counts.
        priority: i64 = 0,
        /// The virtual host.
        vhost: String = "/".to_owned(),
        /// The account that runs the server's program; the server's own by default.
        runas: Option<String> = None,
        /// `queues`, `exchanges` or `all`, the default for a new one; else it stays.
        apply_to: Option<String> = None,
    }
}

on_rabbit! {
    /// Arguments of `rabbitmq_policy.absent`.
    struct Unwanted {
        /// The policy.
        name: String,
        /// The virtual host.
        vhost: String = "/".to_owned(),
    }
}

impl Wanted {
    fn rabbit(&self) -> Rabbit {
        Rabbit::new(self.runas.as_deref())
    }

    /// What the server says otherwise, by the names of the reference.
    fn differing(&self, there: &Map) -> Result<Vec<Value>, Failure> {
        let text = |part: &str| there.get(part).and_then(Value::as_str).unwrap_or_default();
        let wanted = json::parse(&definition(&self.definition)).map_err(|error| {
            Failure::new(format!("the definition of the policy '{}' is not JSON: {error}", self.name))
        })?;
        let parts = [
            ("Pattern", text("pattern") != self.pattern),
            ("Definition", json::parse(text("definition")).ok() != Some(wanted)),
            ("Applyto", self.apply_to.as_ref().is_some_and(|kind| kind != text("apply_to"))),
            ("Priority", text("priority") != self.priority.to_string()),
        ];
        Ok(parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part.into()).collect())
    }
}

impl State for Wanted {
    type Todo = Policy;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Policy>, Failure> {
        let (name, vhost) = (self.name.as_str(), self.vhost.as_str());
        let there = self.rabbit().policies(vhost)?.get(name).and_then(Value::as_map).cloned();
        let is_new = there.is_none();
        let there = there.unwrap_or_default();
        let differing = self.differing(&there)?;
        if differing.is_empty() {
            return Ok(Plan::Nothing(Report::new(format!("Policy {vhost} {name} is already present"))));
        }
        let kept = there.get("apply_to").and_then(Value::as_str).map(str::to_owned);
        let policy = Policy {
            pattern: self.pattern.clone(),
            definition: definition(&self.definition),
            priority: self.priority,
            apply_to: self.apply_to.clone().or(kept),
        };
        let text = format!("Policy {vhost} {name} is set to be {}", if is_new { "created" } else { "updated" });
        let done = format!(
            "Setting policy \"{name}\" for pattern \"{}\" to \"{}\" with priority \"{}\" for vhost \"{vhost}\" ...",
            policy.pattern, policy.definition, policy.priority
        );
        let new = if is_new { name.into() } else { Value::List(differing) };
        let report = |text: String| Report::new(text).change("old", there.clone()).change("new", new.clone());
        Ok(Plan::Change { todo: policy, would: report(text), did: report(done) })
    }

    fn apply(&self, act: &Act, policy: Policy) -> Result<Applied, Failure> {
        set_policy(act, &self.rabbit(), &self.vhost, &self.name, &policy)?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Unwanted {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let (name, vhost, rabbit) = (self.name.as_str(), self.vhost.as_str(), self.rabbit());
        // Where there is no virtual host there is no policy, and asking for it is an error.
        if !rabbit.vhosts()?.contains(&self.vhost) || !rabbit.policies(vhost)?.contains(name) {
            return Ok(Plan::Nothing(Report::new(format!("Policy '{vhost} {name}' is not present."))));
        }
        let would = changed(format!("Policy '{vhost} {name}' will be removed."), name, "");
        Ok(Plan::Change { todo: (), would, did: changed("Deleted".to_owned(), name, "") })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        delete_policy(act, &self.rabbit(), &self.vhost, &self.name)?;
        Ok(Applied::AsPlanned)
    }
}
