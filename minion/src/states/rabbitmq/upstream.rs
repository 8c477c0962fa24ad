//! `rabbitmq_upstream.*`: upstreams of federation.

use fleet_common::value::{Map, Value, json_load as json};

use crate::cx::{Act, Look};
use crate::modules::rabbitmq::account::User;
use crate::modules::rabbitmq::setting::{SetUpstream, delete_upstream, set_upstream};
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::system::rabbitmq::{Rabbit, is_upstream};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "rabbitmq_upstream",
    doc: "Upstreams of RabbitMQ's federation.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "An upstream with exactly these settings. Passwords in its address are shown nowhere.",
            example: "north: {rabbitmq_upstream.present: [{uri: 'amqp://north.example'}, {max_hops: 1}]}",
            args: SetUpstream::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present(SetUpstream::bind(f, a)?)))),
        },
        StateFunction {
            name: "absent",
            doc: "An upstream that is not there.",
            example: "north: {rabbitmq_upstream.absent: []}",
            args: User::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent(User::bind(f, a)?)))),
        },
    ],
};

struct Present(SetUpstream);

fn find(rabbit: &Rabbit, name: &str) -> Result<Option<String>, Failure> {
    Ok(rabbit.upstreams()?.into_iter().find(|(known, _)| known == name).map(|(_, value)| value))
}

/// The settings without the passwords of their addresses.
fn shown(settings: &Map) -> Map {
    let hidden = |value: &Value| match value {
        Value::Str(address) => without_password(address).into(),
        Value::List(addresses) => {
            addresses.iter().map(|address| without_password(address.as_str().unwrap_or_default())).collect()
        }
        other => other.clone(),
    };
    let parts = settings
        .iter()
        .map(|(key, value)| (key.clone(), if key.as_str() == Some("uri") { hidden(value) } else { value.clone() }));
    parts.collect()
}

/// An address with a star for each password: between `user:` and the last `@` before the path.
fn without_password(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let Some((who, host)) = authority.rsplit_once('@') else { return address.to_owned() };
    let user = who.split_once(':').map_or(who.to_owned(), |(user, _)| format!("{user}:***"));
    format!("{scheme}://{user}@{host}{tail}")
}

impl State for Present {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let (name, upstream) = (&self.0.name, self.0.upstream());
        let there = find(&self.0.rabbit(), name)?;
        if there.as_ref().is_some_and(|there| is_upstream(there, &upstream)) {
            return Ok(Plan::Nothing(Report::new(format!("Upstream \"{name}\" already present as specified."))));
        }
        let word = if there.is_some() { "updated" } else { "created" };
        let old = match there.map(|there| json::parse(&there)) {
            Some(Ok(Value::Map(there))) => Value::Map(shown(&there)),
            _ => Value::Null,
        };
        let report = |text: &str| {
            let report = Report::new(format!("Upstream \"{name}\" {text}{word}."));
            report.change("old", old.clone()).change("new", shown(&upstream.0))
        };
        Ok(Plan::Change { todo: (), would: report("would have been "), did: report("") })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        set_upstream(act, &self.0.rabbit(), &self.0.name, &self.0.upstream())?;
        Ok(Applied::AsPlanned)
    }
}

struct Absent(User);

impl State for Absent {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = self.0.name.as_str();
        if find(&self.0.rabbit(), name)?.is_none() {
            return Ok(Plan::Nothing(Report::new(format!("The upstream \"{name}\" is already absent."))));
        }
        let report = |text: &str| {
            let report = Report::new(format!("Upstream \"{name}\" {text} been deleted."));
            report.change("old", name).change("new", Value::Null)
        };
        Ok(Plan::Change { todo: (), would: report("would have"), did: report("has") })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        delete_upstream(act, &self.0.rabbit(), &self.0.name)?;
        Ok(Applied::AsPlanned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_addresses_are_hidden_whatever_they_hold() {
        for (address, wanted) in [
            ("amqp://u:p@ss@h:5672/v?x=a@b", "amqp://u:***@h:5672/v?x=a@b"),
            ("amqp://u@h", "amqp://u@h"),
            ("amqps://h/v", "amqps://h/v"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(without_password(address), wanted);
        }
        let several = Map::from_iter([("uri", Value::from_iter(["amqp://a:b@c"]))]);
        assert_eq!(shown(&several), Map::from_iter([("uri", Value::from_iter(["amqp://a:***@c"]))]));
    }
}
