//! `postgres_database.*`: databases of a PostgreSQL server.

use fleet_common::value::Map;

use super::on_server;
use crate::cx::{Act, Look};
use crate::modules::postgres::database::{Options, alter, create, differs, find, remove};
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "postgres_database",
    doc: "Databases of a PostgreSQL server.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A database with what is said of it. Encoding and order can't be changed later.",
            example: "shop: {postgres_database.present: [{owner: larry}, {encoding: UTF8}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "A database that is not there.",
            example: "shop: {postgres_database.absent: []}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
    ],
};

on_server! {
    /// Arguments of `postgres_database.present`.
    struct Present {
        /// The database.
        name: String,
        /// Its tablespace.
        tablespace: Option<String> = None,
        /// Its encoding.
        encoding: Option<String> = None,
        /// Order of its texts.
        lc_collate: Option<String> = None,
        /// Kinds of its letters.
        lc_ctype: Option<String> = None,
        /// Its owner.
        owner: Option<String> = None,
        /// A new owner gets all that the former one has in it, too.
        owner_recurse: bool = false,
        /// The database that a new one is a copy of.
        template: Option<String> = None,
    }
}

on_server! {
    /// Arguments of `postgres_database.absent`.
    struct Absent {
        /// The database.
        name: String,
    }
}

impl Present {
    fn options(&self) -> Options {
        Options {
            tablespace: self.tablespace.clone(),
            encoding: self.encoding.clone(),
            lc_collate: self.lc_collate.clone(),
            lc_ctype: self.lc_ctype.clone(),
            owner: self.owner.clone(),
            template: self.template.clone(),
        }
    }
}

/// What is to be done.
enum Todo {
    Create,
    Alter { known: Map, changes: Map },
}

impl State for Present {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = self.name.as_str();
        let Some(known) = find(&self.server(), name)? else {
            let changed = |text: String| Report::new(text).change(name, "Present");
            return Ok(Plan::Change {
                todo: Todo::Create,
                would: changed(format!("Database {name} is set to be created")),
                did: changed(format!("The database {name} has been created")),
            });
        };
        let (changes, is_fixed) = differs(&known, &self.options());
        if is_fixed {
            let text = format!("Database {name} has wrong parameters which couldn't be changed on fly.");
            return Err(Failure::new(text));
        }
        if changes.is_empty() {
            return Ok(Plan::Nothing(Report::new(format!("Database {name} is already present"))));
        }
        let changed = |text: String| Report::new(text).change(name, "Parameters changed");
        Ok(Plan::Change {
            todo: Todo::Alter { known, changes },
            would: changed(format!("Database {name} exists, but parameters need to be changed")),
            did: changed(format!("Parameters for database {name} have been changed")),
        })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let (name, server) = (self.name.as_str(), self.server());
        let (verb, done) = match todo {
            Todo::Create => ("create", create(act, &server, name, &self.options())),
            Todo::Alter { known, changes } => {
                ("change", alter(act, &server, name, &known, &changes, self.owner_recurse))
            }
        };
        done.map_err(|why| Failure::new(format!("Failed to {verb} database {name}: {why}")))?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = self.name.as_str();
        if find(&self.server(), name)?.is_none() {
            let text = format!("Database {name} is not present, so it cannot be removed");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        let changed = |text: String| Report::new(text).change(name, "Absent");
        Ok(Plan::Change {
            todo: (),
            would: changed(format!("Database {name} is set to be removed")),
            did: changed(format!("Database {name} has been removed")),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let done = remove(act, &self.server(), &self.name);
        done.map_err(|why| Failure::new(format!("Database {} failed to be removed: {why}", self.name)))?;
        Ok(Applied::AsPlanned)
    }
}
