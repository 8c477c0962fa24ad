//! Statements as people write them.

use std::time::Instant;

use fleet_common::call::{CallError, Function};
use fleet_common::value::{Map, Value};

use super::on_mysql;
use crate::cx::{Look, Module};
use crate::files::anywhere;
use crate::system::mysql::{MysqlError, Server};

/// Largest file of statements.
const FILE: u64 = 64 << 20;

/// The part of the module.
pub const MODULE: Module = Module {
    name: "mysql",
    doc: "Servers of MySQL and MariaDB.",
    functions: &[
        Function::changes(
            "query",
            "Runs statements; gives the rows of the last one, every value as text, or how many rows it touched.",
            "mysql.query shop 'SELECT * FROM items'",
            Query::ROWS,
            |act, arguments| {
                let args = Query::bind("mysql.query", arguments)?;
                let answer = run(&args.server(act.look())?.on(&args.database), &args.query)?;
                Ok(answer.listed().into())
            },
        ),
        Function::changes(
            "file_query",
            "Runs the statements of a file, `salt://` too; gives the rows of the last one, or how many rows it touched.",
            "mysql.file_query shop salt://shop/schema.sql",
            File::ROWS,
            |act, arguments| {
                let args = File::bind("mysql.file_query", arguments)?;
                let sql = file(act.look(), &args.file_name, "base")?;
                Ok(run(&args.server(act.look())?.on(&args.database), &sql)?.listed().into())
            },
        ),
    ],
};

on_mysql! {
    /// Arguments of `mysql.query`.
    pub struct Query {
        /// The database.
        database: String,
        /// The statements.
        query: String,
    }
}

on_mysql! {
    /// Arguments of `mysql.file_query`.
    pub struct File {
        /// The database.
        database: String,
        /// The file.
        file_name: String,
    }
}

/// What statements gave.
#[derive(Debug)]
pub struct Answer {
    seconds: f64,
    /// Rows of the last statement that has some.
    pub rows: Option<Vec<Map>>,
    affected: i64,
}

impl Answer {
    fn head(&self) -> Map {
        let milliseconds = self.seconds * 1000.0;
        let human = if self.seconds < 1.0 { format!("{milliseconds:.1}ms") } else { format!("{:.2}s", self.seconds) };
        let time = Map::from_iter([("human", human), ("raw", format!("{:.5}", self.seconds))]);
        let mut head = Map::from_iter([("query time", time)]);
        match &self.rows {
            None => head.insert("rows affected", self.affected),
            Some(rows) => {
                head.insert("rows returned", rows.len() as i64);
                let names = rows.first().map(|row| row.keys().cloned().collect()).unwrap_or_default();
                head.insert("columns", Value::List(names))
            }
        };
        head
    }

    /// With rows as lists of values.
    pub fn listed(&self) -> Value {
        let mut all = self.head();
        if let Some(rows) = &self.rows {
            let values = |row: &Map| Value::List(row.values().cloned().collect());
            all.insert("results", rows.iter().map(values).collect::<Value>());
        }
        Value::Map(all)
    }

    /// With rows as mappings.
    pub fn mapped(&self) -> Value {
        let mut all = self.head();
        if let Some(rows) = &self.rows {
            all.insert("results", Value::List(rows.iter().cloned().map(Value::Map).collect()));
        }
        Value::Map(all)
    }
}

/// The statements of a file.
pub fn file(look: &Look, address: &str, saltenv: &str) -> Result<String, CallError> {
    let bytes =
        anywhere::read(look, address, saltenv, FILE).map_err(|missing| CallError::Failed(missing.to_string()))?;
    String::from_utf8(bytes).map_err(|_| CallError::Failed(format!("{address} is not UTF-8: it can't be sent as SQL")))
}

/// Runs statements as they are.
pub fn run(server: &Server, sql: &str) -> Result<Answer, MysqlError> {
    let started = Instant::now();
    // How many rows the last one touched is -1 when it gave some.
    let asked = format!("{}\n;\nSELECT ROW_COUNT() AS fleet_row_count;\n", sql.trim_end().trim_end_matches(';'));
    let mut results = server.run(&asked)?;
    let count = results.pop().and_then(|rows| rows.first()?.get("fleet_row_count")?.as_str()?.parse().ok());
    let affected: i64 = count.unwrap_or(-1);
    let rows = if affected < 0 { results.pop() } else { None };
    Ok(Answer { seconds: started.elapsed().as_secs_f64(), rows: rows.or((affected < 0).then(Vec::new)), affected })
}
