//! `rabbitmq_user.*`: users.

use std::collections::BTreeSet;

use fleet_common::value::{Map, Value};

use super::report::changed;
use crate::cx::{Act, Look};
use crate::modules::rabbitmq::account::{
    User, add_user, change_password, clear_password, delete_user, set_permissions, set_user_tags,
};
use crate::modules::rabbitmq::arguments::on_rabbit;
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "rabbitmq_user",
    doc: "Users of RabbitMQ.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A user with this password, these tags and these permissions; what is not said stays.",
            example: "app: {rabbitmq_user.present: [{password: '{{ pillar.password }}'}, {perms: [{/: ['.*', '.*', '.*']}]}]}",
            args: Wanted::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Wanted::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "A user that is not there.",
            example: "guest: {rabbitmq_user.absent: []}",
            args: User::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Unwanted(User::bind(f, a)?)))),
        },
    ],
};

on_rabbit! {
    /// Arguments of `rabbitmq_user.present`.
    struct Wanted {
        /// The user.
        name: String,
        /// Its password; a new user without one has none.
        password: Option<String> = None,
        /// Set the password even if it is that already; without one, take it away.
        force: bool = false,
        /// Its tags; none given leaves them.
        tags: Vec<String> = Vec::new(),
        /// Patterns of the names it may configure, write and read, by virtual host: `[{/: ['.*', '.*', '.*']}]`.
        perms: Value = Value::Null,
    }
}

/// Patterns of the names to configure, write and read.
type Patterns = [String; 3];

/// What is done about a password.
enum Password {
    Set,
    Clear,
}

/// What is to be done.
struct Todo {
    create: bool,
    password: Option<Password>,
    tags: bool,
    permissions: Vec<(String, Patterns)>,
}

/// Permissions as they are declared: mappings of a virtual host to three patterns, one mapping or a list of them.
fn permissions(given: &Value) -> Result<Vec<(String, Patterns)>, Failure> {
    let wrong = || {
        Failure::new(
            "'perms' is a list such as [{/: ['.*', '.*', '.*']}]: what may be configured, written and read, by virtual host",
        )
    };
    let maps: Vec<&Map> = match given {
        Value::Null => Vec::new(),
        Value::Map(map) => vec![map],
        Value::List(maps) => maps.iter().map(Value::as_map).collect::<Option<_>>().ok_or_else(wrong)?,
        _ => return Err(wrong()),
    };
    let entry = |(vhost, patterns): (&Value, &Value)| {
        let texts: Option<Vec<String>> =
            patterns.as_list()?.iter().map(|pattern| pattern.as_str().map(str::to_owned)).collect();
        Some((vhost.as_str()?.to_owned(), Patterns::try_from(texts?).ok()?))
    };
    maps.into_iter().flat_map(Map::iter).map(|pair| entry(pair).ok_or_else(wrong)).collect()
}

/// Permissions as the server lists them.
fn listed([configure, write, read]: &Patterns) -> Map {
    Map::from_iter([("configure", configure), ("write", write), ("read", read)])
}

impl Wanted {
    /// What is to be done about the password.
    fn password(&self, is_new: bool) -> Result<Option<Password>, Failure> {
        Ok(match &self.password {
            // It is made with it, or without.
            _ if is_new => None,
            Some(password) if self.force || !self.rabbit().is_password(&self.name, password)? => Some(Password::Set),
            None if self.force => Some(Password::Clear),
            _ => None,
        })
    }
}

impl State for Wanted {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let (name, rabbit) = (self.name.as_str(), self.rabbit());
        let permissions = permissions(&self.perms)?;
        let users = rabbit.users()?;
        let found = users.into_iter().find(|(known, _)| known == name).map(|(_, tags)| tags);
        let create = found.is_none();
        let tags = found.unwrap_or_default();
        let may = if create || permissions.is_empty() { Map::new() } else { rabbit.user_permissions(name)? };

        let mut changes = Map::new();
        let change = |old: Value, new: Value| Map::from_iter([("old", old), ("new", new)]);
        if create {
            changes.insert("user", change("".into(), name.into()));
        }
        let password = self.password(create)?;
        match &password {
            Some(Password::Set) => changes.insert("password", change("".into(), "Set password.".into())),
            Some(Password::Clear) => changes.insert("password", change("Removed password.".into(), "".into())),
            None => None,
        };
        let set = |tags: &[String]| tags.iter().cloned().collect::<BTreeSet<_>>();
        let other_tags = !self.tags.is_empty() && set(&tags) != set(&self.tags);
        if other_tags {
            let list = |tags: &[String]| tags.iter().map(String::as_str).collect::<Value>();
            changes.insert("tags", change(list(&tags), list(&self.tags)));
        }
        let differing: Vec<(String, Patterns)> = permissions
            .into_iter()
            .filter(|(vhost, patterns)| may.get(vhost) != Some(&Value::Map(listed(patterns))))
            .collect();
        if !differing.is_empty() {
            let old = differing.iter().filter_map(|(vhost, _)| Some((vhost.as_str(), may.get(vhost)?.clone())));
            let new = differing.iter().map(|(vhost, patterns)| (vhost.as_str(), listed(patterns)));
            changes.insert("perms", change(old.collect::<Map>().into(), new.collect::<Map>().into()));
        }
        if changes.is_empty() {
            let is_plain = self.tags.is_empty() && !self.perms.truthy();
            return Ok(Plan::Nothing(Report::new(if is_plain {
                format!("User '{name}' is already present.")
            } else {
                format!("'{name}' is already in the desired state.")
            })));
        }
        let would = if create {
            format!("User '{name}' is set to be created.")
        } else {
            format!("Configuration for '{name}' will change.")
        };
        let did = Report::new(format!("'{name}' was configured.")).changes(changes.clone());
        let todo = Todo { create, password, tags: other_tags, permissions: differing };
        Ok(Plan::Change { todo, would: Report::new(would).changes(changes), did })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let (name, rabbit) = (self.name.as_str(), self.rabbit());
        if todo.create {
            add_user(act, &rabbit, name, self.password.as_deref())?;
        }
        match (&todo.password, &self.password) {
            (Some(Password::Set), Some(password)) => drop(change_password(act, &rabbit, name, password)?),
            (Some(Password::Clear), _) => drop(clear_password(act, &rabbit, name)?),
            _ => {}
        }
        if todo.tags {
            set_user_tags(act, &rabbit, name, &self.tags)?;
        }
        for (vhost, [configure, write, read]) in &todo.permissions {
            set_permissions(act, &rabbit, vhost, name, [configure, write, read])?;
        }
        Ok(Applied::AsPlanned)
    }
}

struct Unwanted(User);

impl State for Unwanted {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = self.0.name.as_str();
        if !self.0.rabbit().users()?.iter().any(|(known, _)| known == name) {
            return Ok(Plan::Nothing(Report::new(format!("The user '{name}' is not present."))));
        }
        let report = |text: &str| {
            let changes = changed(String::new(), name, "").changes;
            Report::new(format!("The user '{name}' {text} removed.")).change("name", changes)
        };
        Ok(Plan::Change { todo: (), would: report("will be"), did: report("was") })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        delete_user(act, &self.0.rabbit(), &self.0.name)?;
        Ok(Applied::AsPlanned)
    }
}

#[cfg(test)]
mod tests {
    use fleet_common::value::json_load as json;

    use super::*;

    fn read(text: &str) -> Result<Vec<(String, Patterns)>, Failure> {
        permissions(&json::parse(text).unwrap())
    }

    #[test]
    fn permissions_are_read_and_what_is_none_is_refused() {
        let wanted = [("/".to_owned(), ["a", "b", "c"].map(str::to_owned))];
        assert_eq!(read(r#"[{"/": ["a", "b", "c"]}]"#).unwrap(), wanted);
        assert_eq!(read(r#"{"/": ["a", "b", "c"]}"#).unwrap(), wanted);
        assert!(read("null").unwrap().is_empty());
        for wrong in [r#"[{"/": ["a", "b"]}]"#, r#"[{"/": ["a", "b", 3]}]"#, r#"[{"/": "abc"}]"#, "[1]", "1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
