//! `mysql_query.*`: statements that run on a server of MySQL or MariaDB.

use std::path::Path;

use fleet_common::call::{Arguments, Facts};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look};
use crate::modules::mysql::query::{Answer, file, run};
use crate::modules::mysql::{database, on_mysql};
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::system::fs::{WriteOptions, write_atomic};
use crate::system::mysql::Server;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "mysql_query",
    doc: "Statements that run on a server of MySQL or MariaDB, each time unless `overwrite` is false or a guard says so.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "run",
            doc: "Runs statements; what they give may be kept in a file or a grain.",
            example: "shop: {mysql_query.run: [{database: shop}, {query: 'DELETE FROM carts WHERE age > 30'}]}",
            args: Statements::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Statements::bind(f, a)?))),
        },
        StateFunction {
            name: "run_file",
            doc: "Runs the statements of a file; what they give may be kept in a file or a grain.",
            example: "shop: {mysql_query.run_file: [{database: shop}, {query_file: 'salt://shop/schema.sql'}]}",
            args: File::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(File::bind(f, a)?))),
        },
    ],
};

on_mysql! {
    /// Arguments of `mysql_query.run`.
    struct Statements {
        /// What it is called in the result.
        name: String,
        /// The database.
        database: String,
        /// The statements.
        query: String,
        /// Where what they give is kept: an absolute path, or `grain`.
        output: Option<String> = None,
        /// The grain that keeps it.
        grain: Option<String> = None,
        /// The key in that grain.
        key: Option<String> = None,
        /// Runs them although the file or grain is there.
        overwrite: bool = true,
        /// Looks whether the database is there first.
        check_db_exists: bool = true,
        /// Refused.
        client_flags: Option<Value> = None,
    }
}

on_mysql! {
    /// Arguments of `mysql_query.run_file`.
    struct File {
        /// What it is called in the result; the file, when none is said.
        name: String,
        /// The database.
        database: String,
        /// The file: an absolute path, or `salt://`.
        query_file: Option<String> = None,
        /// Where what they give is kept: an absolute path, or `grain`.
        output: Option<String> = None,
        /// The grain that keeps it.
        grain: Option<String> = None,
        /// The key in that grain.
        key: Option<String> = None,
        /// Runs them although the file or grain is there.
        overwrite: bool = true,
        /// Environment of the file.
        saltenv: Option<String> = None,
        /// Looks whether the database is there first.
        check_db_exists: bool = true,
        /// Refused.
        client_flags: Option<Value> = None,
    }
}

/// Where what statements give is kept.
enum Output<'s> {
    Nowhere,
    File(&'s Path),
    Grain(&'s str, Option<&'s str>),
}

impl<'s> Output<'s> {
    fn of(output: Option<&'s str>, grain: Option<&'s str>, key: Option<&'s str>) -> Result<Self, Failure> {
        match (output, grain) {
            (None, _) => Ok(Self::Nowhere),
            (Some("grain"), Some(grain)) => Ok(Self::Grain(grain, key)),
            (Some("grain"), None) => Err(Failure::new("Error: output type 'grain' needs the grain parameter\n")),
            (Some(path), _) if Path::new(path).is_absolute() => Ok(Self::File(Path::new(path))),
            (Some(path), _) => Err(Failure::new(format!("output is an absolute path or 'grain', not '{path}'"))),
        }
    }

    fn is_there(&self, look: &Look) -> bool {
        match self {
            Self::Nowhere => false,
            Self::File(path) => path.is_file(),
            Self::Grain(grain, key) => {
                let grains = look.grains();
                let value = grains.get(grain);
                value.is_some_and(|value| key.is_none_or(|key| value.get(key).is_some()))
            }
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Nowhere => String::new(),
            Self::File(path) => path.display().to_string(),
            Self::Grain(grain, Some(key)) => format!("{grain}:{key}"),
            Self::Grain(grain, None) => (*grain).to_owned(),
        }
    }

    /// What a dry run, the changes and a run without need say of it.
    fn texts(&self) -> [String; 3] {
        let shown = self.shown();
        let words = |would: &str, did: &str, already: &str| [would, did, already].map(str::to_owned);
        match self {
            Self::Nowhere => words("not storing result", "", ""),
            Self::File(_) => {
                [format!("storing result in file: {shown}"), format!(". Output into {shown}"), format!("File {shown}")]
            }
            Self::Grain(..) => [
                format!("storing result in grain: {shown}"),
                format!(". Output into grain: {shown}"),
                format!("Grain {shown}"),
            ],
        }
    }

    fn keep(&self, act: &Act, answer: &Answer) -> Result<(), Failure> {
        let rows = answer.rows.as_deref().unwrap_or_default();
        match self {
            Self::Nowhere => Ok(()),
            Self::File(path) => {
                let mut text = String::new();
                for (column, value) in rows.iter().flat_map(Map::iter) {
                    text.push_str(&format!("{}:{}\n", str_(column), str_(value)));
                }
                // It may hold anything a database holds.
                let options = WriteOptions { mode: (!path.exists()).then_some(0o600), ..WriteOptions::default() };
                write_atomic(path, text.as_bytes(), &options).map_err(|fault| Failure::new(fault.to_string()))
            }
            Self::Grain(grain, key) => {
                let rows = Value::List(rows.iter().cloned().map(Value::Map).collect());
                let value = match key {
                    None => rows,
                    Some(key) => {
                        let mut all = act.grains().get(grain).and_then(Value::as_map).cloned().unwrap_or_default();
                        all.insert(*key, rows);
                        Value::Map(all)
                    }
                };
                let arguments = Arguments::positional([Value::from(*grain), value]).with("destructive", true);
                act.run("grains.setval", arguments)?;
                Ok(())
            }
        }
    }
}

/// What is to be done.
enum Todo {
    Run,
    /// The database is not there; in a dry run another state may be about to make it.
    NoDatabase,
}

/// What both functions have in common.
struct Query<'s> {
    database: &'s str,
    output: Output<'s>,
    overwrite: bool,
    check: bool,
}

impl Query<'_> {
    fn plan(&self, look: &Look, server: &Server) -> Result<Plan<Todo>, Failure> {
        let [would, did, already] = self.output.texts();
        if !self.overwrite && self.output.is_there(look) {
            return Ok(Plan::Nothing(Report::new(format!("No execution needed. {already} already set"))));
        }
        let changed = |text: String| Report::new(text).change("query", format!("Executed{did}"));
        if self.check && database::find(server, self.database)?.is_none() {
            let would = changed(format!("Database {} is not present", self.database));
            return Ok(Plan::Change { todo: Todo::NoDatabase, did: would.clone(), would });
        }
        let would = changed(format!("Query would execute, {would}"));
        Ok(Plan::Change { todo: Todo::Run, did: would.clone(), would })
    }

    fn apply(&self, act: &Act, server: &Server, todo: &Todo, sql: &str) -> Result<Applied, Failure> {
        if matches!(todo, Todo::NoDatabase) {
            return Err(Failure::new(format!("Database {} is not present", self.database)));
        }
        let answer = run(&server.on(self.database), sql)?;
        let [_, did, _] = self.output.texts();
        let report = Report::new(str_(&answer.mapped())).change("query", format!("Executed{did}"));
        self.output.keep(act, &answer).map_err(|why| {
            let text = format!("The statements ran, but what they gave could not be kept: {why}");
            Failure(Report { comment: text, ..report.clone() })
        })?;
        Ok(Applied::Really(report))
    }
}

fn refused(function: &str, flags: Option<&Value>) -> Result<(), Failure> {
    match flags {
        None => Ok(()),
        Some(_) => Err(fleet_common::call::CallError::Unsupported(format!("'client_flags' of {function}")).into()),
    }
}

impl Statements {
    fn query(&self) -> Result<Query<'_>, Failure> {
        refused("mysql_query.run", self.client_flags.as_ref())?;
        let output = Output::of(self.output.as_deref(), self.grain.as_deref(), self.key.as_deref())?;
        Ok(Query { database: &self.database, output, overwrite: self.overwrite, check: self.check_db_exists })
    }
}

impl State for Statements {
    type Todo = Todo;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        self.query()?.plan(look, &self.server(look)?)
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        self.query()?.apply(act, &self.server(act.look())?, &todo, &self.query)
    }
}

impl File {
    fn query(&self) -> Result<Query<'_>, Failure> {
        refused("mysql_query.run_file", self.client_flags.as_ref())?;
        let output = Output::of(self.output.as_deref(), self.grain.as_deref(), self.key.as_deref())?;
        Ok(Query { database: &self.database, output, overwrite: self.overwrite, check: self.check_db_exists })
    }
}

impl State for File {
    type Todo = (Todo, String);

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<(Todo, String)>, Failure> {
        let plan = self.query()?.plan(look, &self.server(look)?)?;
        let address = self.query_file.as_deref().unwrap_or(&self.name);
        let saltenv = self.saltenv.as_deref().unwrap_or(run.saltenv);
        Ok(match plan {
            Plan::Change { todo, would, did } => {
                let sql = file(look, address, saltenv)?;
                Plan::Change { todo: (todo, sql), would, did }
            }
            Plan::Nothing(report) => Plan::Nothing(report),
            Plan::Same { would, did } => Plan::Same { would, did },
        })
    }

    fn apply(&self, act: &Act, (todo, sql): (Todo, String)) -> Result<Applied, Failure> {
        self.query()?.apply(act, &self.server(act.look())?, &todo, &sql)
    }
}
