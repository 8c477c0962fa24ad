//! `mysql_database.*`: databases of a server of MySQL or MariaDB.

use fleet_common::value::Map;

use crate::cx::{Act, Look};
use crate::modules::mysql::connection::text;
use crate::modules::mysql::database::{Letters, alter, create, find, remove};
use crate::modules::mysql::on_mysql;
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "mysql_database",
    doc: "Databases of a server of MySQL or MariaDB.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A database with this character set and order; what is not said stays.",
            example: "shop: {mysql_database.present: [{character_set: utf8mb4}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "A database that is not there.",
            example: "shop: {mysql_database.absent: []}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
    ],
};

on_mysql! {
    /// Arguments of `mysql_database.present`.
    struct Present {
        /// The database.
        name: String,
        /// Its character set.
        character_set: Option<String> = None,
        /// Order of its texts.
        collate: Option<String> = None,
    }
}

on_mysql! {
    /// Arguments of `mysql_database.absent`.
    struct Absent {
        /// The database.
        name: String,
    }
}

impl Present {
    fn letters(&self) -> Letters {
        Letters { character_set: self.character_set.clone(), collate: self.collate.clone() }
    }
}

/// What is to be done.
enum Todo {
    Create,
    Alter,
}

impl State for Present {
    type Todo = Todo;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = self.name.as_str();
        let Some(known) = find(&self.server(look)?, name)? else {
            let changed = |text: String| Report::new(text).change(name, "Present");
            return Ok(Plan::Change {
                todo: Todo::Create,
                would: changed(format!("Database {name} is not present and needs to be created")),
                did: changed(format!("The database {name} has been created")),
            });
        };
        let (mut comment, mut changes) = (Vec::new(), Map::new());
        let named = [("character_set", "character set", &self.character_set), ("collate", "collate", &self.collate)];
        for (key, word, wanted) in named {
            let Some(wanted) = wanted else { continue };
            let now = text(&known, key);
            // The old name of three-byte Unicode is another name of the same.
            let same =
                |a: &str, b: &str| a.replace("utf8mb3", "utf8").eq_ignore_ascii_case(&b.replace("utf8mb3", "utf8"));
            if !same(now, wanted) {
                comment.push(format!("Database {word} {wanted} != {now} needs to be updated"));
                changes.insert(key, Map::from_iter([("before", now), ("now", wanted)]));
            }
        }
        if changes.is_empty() {
            return Ok(Plan::Nothing(Report::new(format!("Database {name} is already present"))));
        }
        let report = |comment: Vec<String>| Report::new(comment.join("\n")).changes(changes.clone());
        let did = report(comment.clone());
        if comment.len() == 1 {
            comment.push(format!("Database {name} is going to be updated"));
        }
        Ok(Plan::Change { todo: Todo::Alter, would: report(comment), did })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let (name, server) = (self.name.as_str(), self.server(act.look())?);
        let (verb, done) = match todo {
            Todo::Create => ("create", create(act, &server, name, &self.letters())),
            Todo::Alter => ("change", alter(act, &server, name, &self.letters())),
        };
        done.map_err(|why| Failure::new(format!("Failed to {verb} database {name} ({why})")))?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = ();

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = self.name.as_str();
        if find(&self.server(look)?, name)?.is_none() {
            let text = format!("Database {name} is not present, so it cannot be removed");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        let changed = |text: String| Report::new(text).change(name, "Absent");
        Ok(Plan::Change {
            todo: (),
            would: changed(format!("Database {name} is present and needs to be removed")),
            did: changed(format!("Database {name} has been removed")),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let done = remove(act, &self.server(act.look())?, &self.name);
        done.map_err(|why| Failure::new(format!("Unable to remove database {} ({why})", self.name)))?;
        Ok(Applied::AsPlanned)
    }
}
