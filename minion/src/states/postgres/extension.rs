//! `postgres_extension.*`: extensions of a PostgreSQL database.

use super::on_server;
use crate::cx::{Act, Look};
use crate::modules::postgres::object::{installed, one};
use crate::modules::postgres::run::change;
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::system::postgres::{if_there, literal, name, text};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "postgres_extension",
    doc: "Extensions of a PostgreSQL database.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "An extension that a database has, in a version and schema if they are named.",
            example: "hstore: {postgres_extension.present: [{maintenance_db: shop}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "An extension that a database does not have.",
            example: "hstore: {postgres_extension.absent: [{maintenance_db: shop}]}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
    ],
};

on_server! {
    /// Arguments of `postgres_extension.present`.
    struct Present {
        /// The extension.
        name: String,
        /// Not used: it is looked for first.
        if_not_exists: Option<bool> = None,
        /// The schema of its objects.
        schema: Option<String> = None,
        /// Its version.
        ext_version: Option<String> = None,
        /// Not used: servers of today know the way from every version.
        from_version: Option<String> = None,
    }
}

on_server! {
    /// Arguments of `postgres_extension.absent`.
    struct Absent {
        /// The extension.
        name: String,
        /// Not used: it is looked for first.
        if_exists: Option<bool> = None,
        /// Refuse if something depends on it, as is done anyway.
        restrict: Option<bool> = None,
        /// Remove what depends on it, too.
        cascade: bool = false,
    }
}

/// The statements.
struct Todo(String);

impl State for Present {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let extension = self.name.as_str();
        let quoted = name(extension);
        let Some(now) = one(installed(&self.server())?, "extname", extension) else {
            let schema = self.schema.as_ref().map(|schema| format!(" SCHEMA {}", name(schema))).unwrap_or_default();
            let version = self.ext_version.as_ref().map(|version| format!(" VERSION {}", literal(version)));
            let todo = Todo(format!("CREATE EXTENSION {quoted}{schema}{};", version.unwrap_or_default()));
            let changed = |text: String| Report::new(text).change(extension, "Installed");
            return Ok(Plan::Change {
                todo,
                would: changed(format!("Extension {extension} is set to be installed")),
                did: changed(format!("The extension {extension} has been installed")),
            });
        };
        let mut sql = String::new();
        if let Some(version) = self.ext_version.as_ref().filter(|version| *version != text(&now, "extversion")) {
            sql.push_str(&format!("ALTER EXTENSION {quoted} UPDATE TO {};\n", literal(version)));
        }
        if let Some(schema) = self.schema.as_ref().filter(|schema| *schema != text(&now, "schema_name")) {
            sql.push_str(&format!("ALTER EXTENSION {quoted} SET SCHEMA {};\n", name(schema)));
        }
        if sql.is_empty() {
            return Ok(Plan::Nothing(Report::new(format!("Extension {extension} is already present"))));
        }
        let changed = |text: String| Report::new(text).change(extension, "Upgraded");
        Ok(Plan::Change {
            todo: Todo(sql),
            would: changed(format!("Extension {extension} is set to be upgraded")),
            did: changed(format!("The extension {extension} has been upgraded")),
        })
    }

    fn apply(&self, act: &Act, Todo(sql): Todo) -> Result<Applied, Failure> {
        let done = change(act, &self.server(), &sql);
        done.map_err(|why| Failure::new(format!("Failed to install extension {}: {why}", self.name)))?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let extension = self.name.as_str();
        if one(if_there(installed(&self.server()))?, "extname", extension).is_none() {
            let text = format!("Extension {extension} is not present, so it cannot be removed");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        let changed = |text: String| Report::new(text).change(extension, "Absent");
        Ok(Plan::Change {
            todo: (),
            would: changed(format!("Extension {extension} is set to be removed")),
            did: changed(format!("Extension {extension} has been removed")),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let cascade = if self.cascade { " CASCADE" } else { "" };
        let done = change(act, &self.server(), &format!("DROP EXTENSION {}{cascade};", name(&self.name)));
        done.map_err(|why| Failure::new(format!("Extension {} failed to be removed: {why}", self.name)))?;
        Ok(Applied::AsPlanned)
    }
}
