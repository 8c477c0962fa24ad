//! Tables of a database.

use fleet_common::call::{CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use super::on_mysql;
use crate::cx::Module;
use crate::system::mysql::{Server, name};

/// The part of the module.
pub const MODULE: Module = Module {
    name: "mysql",
    doc: "Servers of MySQL and MariaDB.",
    functions: &[
        Function::reads(
            "db_tables",
            "The tables of a database.",
            "mysql.db_tables shop",
            super::database::One::ROWS,
            |look, arguments| {
                let args = super::database::One::bind("mysql.db_tables", arguments)?;
                Ok(tables(&args.server(look)?, &args.name)?.into_iter().map(Value::from).collect::<Value>().into())
            },
        ),
        Function::changes(
            "db_check",
            "Checks a table, or all of a database.",
            "mysql.db_check shop items",
            Tables::ROWS,
            |act, arguments| {
                let args = Tables::bind("mysql.db_check", arguments)?;
                each("CHECK TABLE", &args.server(act.look())?, &args.name, args.table.as_deref())
            },
        ),
        Function::changes(
            "db_repair",
            "Repairs a table, or all of a database.",
            "mysql.db_repair shop items",
            Tables::ROWS,
            |act, arguments| {
                let args = Tables::bind("mysql.db_repair", arguments)?;
                each("REPAIR TABLE", &args.server(act.look())?, &args.name, args.table.as_deref())
            },
        ),
        Function::changes(
            "db_optimize",
            "Writes a table anew without gaps, or all of a database.",
            "mysql.db_optimize shop items",
            Tables::ROWS,
            |act, arguments| {
                let args = Tables::bind("mysql.db_optimize", arguments)?;
                each("OPTIMIZE TABLE", &args.server(act.look())?, &args.name, args.table.as_deref())
            },
        ),
    ],
};

on_mysql! {
    /// A table, or all of a database.
    pub struct Tables {
        /// The database.
        name: String,
        /// The table.
        table: Option<String> = None,
    }
}

fn tables(server: &Server, database: &str) -> Result<Vec<String>, CallError> {
    let rows = server.rows(&format!("SHOW TABLES IN {};", name(database)))?;
    let first = |row: &Map| row.values().next().and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(rows.iter().map(first).collect())
}

/// Runs a statement on a table, or on all; what the server says, as a list for each when it is on all.
fn each(verb: &str, server: &Server, database: &str, table: Option<&str>) -> CallResult {
    let one = |table: &str| -> Result<Value, CallError> {
        let rows = server.rows(&format!("{verb} {}.{};", name(database), name(table)))?;
        Ok(rows.into_iter().map(Value::Map).collect())
    };
    match table {
        Some(table) => Ok(one(table)?.into()),
        None => Ok(tables(server, database)?.iter().map(|table| one(table)).collect::<Result<Value, _>>()?.into()),
    }
}
