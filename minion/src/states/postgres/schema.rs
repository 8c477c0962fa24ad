//! `postgres_schema.*`: schemas of a PostgreSQL database.

use fleet_common::args;

use crate::cx::{Act, Look};
use crate::modules::postgres::object::{one, schemas};
use crate::modules::postgres::run::change;
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::system::postgres::{Server, if_there, name};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "postgres_schema",
    doc: "Schemas of a PostgreSQL database.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A schema; one that is there keeps its owner.",
            example: "orders: {postgres_schema.present: [{dbname: shop}, {owner: larry}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "A schema that is not there, nor what was in it.",
            example: "orders: {postgres_schema.absent: [{dbname: shop}]}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `postgres_schema.present`.
    struct Present {
        /// The schema.
        name: String,
        /// The database.
        dbname: String,
        /// The owner of a new one.
        owner: Option<String> = None,
        /// The account that runs the client; `postgres` by default.
        user: Option<String> = None,
        /// The role that asks.
        db_user: Option<String> = None,
        /// Its password.
        db_password: Option<String> = None,
        /// Host of the server, or the directory of its socket.
        db_host: Option<String> = None,
        /// Its port.
        db_port: Option<i64> = None,
    }
}

args! {
    /// Arguments of `postgres_schema.absent`.
    struct Absent {
        /// The schema.
        name: String,
        /// The database.
        dbname: String,
        /// The account that runs the client; `postgres` by default.
        user: Option<String> = None,
        /// The role that asks.
        db_user: Option<String> = None,
        /// Its password.
        db_password: Option<String> = None,
        /// Host of the server, or the directory of its socket.
        db_host: Option<String> = None,
        /// Its port.
        db_port: Option<i64> = None,
    }
}

macro_rules! server {
    ($args:expr) => {
        Server {
            runas: $args.user.clone(),
            host: $args.db_host.clone(),
            port: $args.db_port,
            user: $args.db_user.clone(),
            password: $args.db_password.clone(),
            database: Some($args.dbname.clone()),
        }
    };
}

impl State for Present {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let (schema, database) = (self.name.as_str(), &self.dbname);
        if one(schemas(&server!(self))?, "name", schema).is_some() {
            let text = format!("Schema {schema} already exists in database {database}");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        let changed = |text: String| Report::new(text).change(schema, "Present");
        Ok(Plan::Change {
            todo: (),
            would: changed(format!("Schema {schema} is set to be created in database {database}.")),
            did: changed(format!("Schema {schema} has been created in database {database}")),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let owner = self.owner.as_ref().map(|owner| format!(" AUTHORIZATION {}", name(owner))).unwrap_or_default();
        let done = change(act, &server!(self), &format!("CREATE SCHEMA {}{owner};", name(&self.name)));
        let failed = |why| format!("Failed to create schema {} in database {}: {why}", self.name, self.dbname);
        done.map_err(|why| Failure::new(failed(why)))?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let (schema, database) = (self.name.as_str(), &self.dbname);
        if one(if_there(schemas(&server!(self)))?, "name", schema).is_none() {
            let text = format!("Schema {schema} is not present in database {database}, so it cannot be removed");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        let changed = |text: String| Report::new(text).change(schema, "Absent");
        Ok(Plan::Change {
            todo: (),
            would: changed(format!("Schema {schema} is set to be removed from database {database}")),
            did: changed(format!("Schema {schema} has been removed from database {database}")),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let done = change(act, &server!(self), &format!("DROP SCHEMA {} CASCADE;", name(&self.name)));
        done.map_err(|why| Failure::new(format!("Schema {} failed to be removed: {why}", self.name)))?;
        Ok(Applied::AsPlanned)
    }
}
