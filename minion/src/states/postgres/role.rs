//! A role of a server: what users and groups have in common.

use fleet_common::value::{Map, Value};

use crate::cx::Act;
use crate::modules::postgres::role::{Difference, Wanted, find};
use crate::modules::postgres::run::change;
use crate::states::{Failure, Plan, Report};
use crate::system::postgres::{Server, name};
use crate::system::postgres_password::Method;

/// What is to be done.
pub enum Todo {
    Create,
    Alter(Box<Difference>),
    Drop,
}

/// How a password is kept, by the argument `encrypted`.
pub fn method(encrypted: Option<&Value>) -> Result<Option<Method>, Failure> {
    match encrypted {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(true)) => Ok(Some(Method::Md5)),
        Some(Value::Str(text)) if text == "md5" => Ok(Some(Method::Md5)),
        Some(Value::Str(text)) if text == "scram-sha-256" => Ok(Some(Method::Scram)),
        Some(_) => Err(Failure::new(
            "encrypted is true (for md5), md5 or scram-sha-256: no server of today keeps plain passwords",
        )),
    }
}

/// Plans a role that is there. `kind` is `user` or `group`.
pub fn present(kind: &str, role: &str, server: &Server, wanted: &Wanted) -> Result<Plan<Todo>, Failure> {
    let title = title(kind);
    let Some(now) = find(server, role)? else {
        let changed = |text: String| Report::new(text).change(role, "Present");
        return Ok(Plan::Change {
            todo: Todo::Create,
            would: changed(format!("{title} {role} is set to be created")),
            did: changed(format!("The {kind} {role} has been created")),
        });
    };
    let difference = wanted.difference(server, &now)?;
    if difference.shown.is_empty() {
        return Ok(Plan::Nothing(Report::new(format!("{title} {role} is already present"))));
    }
    let changed = |text: String| Report::new(text).changes(Map::from_iter([(role, difference.shown.clone())]));
    Ok(Plan::Change {
        would: changed(format!("{title} {role} is set to be updated")),
        did: changed(format!("The {kind} {role} has been updated")),
        todo: Todo::Alter(Box::new(difference)),
    })
}

/// Plans a role that is not there.
pub fn absent(kind: &str, role: &str, server: &Server) -> Result<Plan<Todo>, Failure> {
    let title = title(kind);
    if find(server, role)?.is_none() {
        let text = format!("{title} {role} is not present, so it cannot be removed");
        return Ok(Plan::Nothing(Report::new(text)));
    }
    let changed = |text: String| Report::new(text).change(role, "Absent");
    Ok(Plan::Change {
        todo: Todo::Drop,
        would: changed(format!("{title} {role} is set to be removed")),
        did: changed(format!("{title} {role} has been removed")),
    })
}

/// Does what was planned.
pub fn apply(act: &Act, kind: &str, role: &str, server: &Server, wanted: &Wanted, todo: Todo) -> Result<(), Failure> {
    let (verb, done) = match todo {
        Todo::Create => ("create", wanted.create(act, server, role)),
        Todo::Alter(difference) => ("update", difference.apply(act, server, role)),
        Todo::Drop => ("remove", change(act, server, &format!("DROP ROLE {};", name(role)))),
    };
    done.map_err(|why| Failure::new(format!("Failed to {verb} {kind} {role}: {why}")))
}

fn title(kind: &str) -> &'static str {
    if kind == "group" { "Group" } else { "User" }
}
