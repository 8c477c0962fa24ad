//! `postgres_tablespace.*`: tablespaces of a PostgreSQL server.

use fleet_common::value::{Map, Value, python};

use super::on_server;
use crate::cx::{Act, Look};
use crate::modules::postgres::object::{one, tablespaces};
use crate::modules::postgres::run::change;
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::system::postgres::{literal, name, text};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "postgres_tablespace",
    doc: "Tablespaces of a PostgreSQL server.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A tablespace with its owner and options; its directory can't be changed later.",
            example: "fast: {postgres_tablespace.present: [{directory: /srv/fast}, {options: {seq_page_cost: 1.1}}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "A tablespace that is not there; it must be empty.",
            example: "fast: {postgres_tablespace.absent: []}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
    ],
};

on_server! {
    /// Arguments of `postgres_tablespace.present`.
    struct Present {
        /// The tablespace.
        name: String,
        /// Its directory, which is there, empty, and the server's own.
        directory: String,
        /// Its options.
        options: Map = Map::new(),
        /// Its owner.
        owner: Option<String> = None,
    }
}

on_server! {
    /// Arguments of `postgres_tablespace.absent`.
    struct Absent {
        /// The tablespace.
        name: String,
    }
}

/// The statements.
struct Todo(String);

/// Options are names of the server's own: anything else would be SQL.
fn options(options: &Map) -> Result<Vec<(String, String)>, Failure> {
    let option = |(key, value): (&Value, &Value)| {
        let key = python::str_(key);
        let harmless = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if harmless { Ok((key, python::str_(value))) } else { Err(Failure::new(format!("'{key}' is no option"))) }
    };
    options.iter().map(option).collect()
}

impl State for Present {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let (space, quoted, options) = (self.name.as_str(), name(&self.name), options(&self.options)?);
        let set: Vec<String> = options.iter().map(|(key, value)| format!("{key} = {}", literal(value))).collect();
        let Some(now) = one(tablespaces(&self.server())?, "Name", space) else {
            let owner = self.owner.as_ref().map(|owner| format!(" OWNER {}", name(owner))).unwrap_or_default();
            let with = if set.is_empty() { String::new() } else { format!(" WITH ({})", set.join(", ")) };
            let sql = format!("CREATE TABLESPACE {quoted}{owner} LOCATION {}{with};", literal(&self.directory));
            let changed = |text: String| Report::new(text).change(space, "Present");
            return Ok(Plan::Change {
                todo: Todo(sql),
                would: changed(format!("Tablespace {space} is set to be created")),
                did: changed(format!("The tablespace {space} has been created")),
            });
        };
        if text(&now, "Location") != self.directory {
            let text = format!(
                "Tablespace {space} is not in {} but in {}. Cannot change it, so it must be removed first",
                self.directory,
                text(&now, "Location")
            );
            return Err(Failure::new(text));
        }
        let (mut shown, mut sql, mut words) = (Map::new(), String::new(), Vec::new());
        if let Some(owner) = self.owner.as_ref().filter(|owner| *owner != text(&now, "Owner")) {
            shown.insert("owner", owner.as_str());
            sql.push_str(&format!("ALTER TABLESPACE {quoted} OWNER TO {};\n", name(owner)));
            words.push(format!("Tablespace {space} owner to be altered"));
        }
        let known: Vec<&str> = text(&now, "Opts").trim_matches(['{', '}']).split(',').collect();
        if options.iter().any(|(key, value)| !known.contains(&format!("{key}={value}").as_str())) {
            shown.insert("options", self.options.clone());
            sql.push_str(&format!("ALTER TABLESPACE {quoted} SET ({});\n", set.join(", ")));
            words.push(format!("Tablespace {space} options to be altered"));
        }
        if words.is_empty() {
            return Ok(Plan::Nothing(Report::new(format!("Tablespace {space} is already present"))));
        }
        let changed = |text: String| Report::new(text).change(space, shown.clone());
        let did = changed(format!("Tablespace {space} has been altered"));
        Ok(Plan::Change { todo: Todo(sql), would: changed(words.join("\n")), did })
    }

    fn apply(&self, act: &Act, Todo(sql): Todo) -> Result<Applied, Failure> {
        let done = change(act, &self.server(), &sql);
        done.map_err(|why| Failure::new(format!("Failed to create or alter tablespace {}: {why}", self.name)))?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let space = self.name.as_str();
        if one(tablespaces(&self.server())?, "Name", space).is_none() {
            let text = format!("Tablespace {space} is not present, so it cannot be removed");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        let changed = |text: String| Report::new(text).change(space, "Absent");
        Ok(Plan::Change {
            todo: (),
            would: changed(format!("Tablespace {space} is set to be removed")),
            did: changed(format!("Tablespace {space} has been removed")),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let done = change(act, &self.server(), &format!("DROP TABLESPACE {};", name(&self.name)));
        done.map_err(|why| Failure::new(format!("Tablespace {} failed to be removed: {why}", self.name)))?;
        Ok(Applied::AsPlanned)
    }
}
