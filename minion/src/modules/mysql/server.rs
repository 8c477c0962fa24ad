//! What a server says of itself.

use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use super::connection::{change, text};
use super::on_mysql;
use crate::cx::{Look, Module};
use crate::system::mysql::{MysqlError, Server, literal, name};

/// The part of the module.
pub const MODULE: Module = Module {
    name: "mysql",
    doc: "Servers of MySQL and MariaDB.",
    functions: &[
        Function::reads("version", "The version of the server.", "mysql.version", Any::ROWS, |look, arguments| {
            Ok(version(&Any::bind("mysql.version", arguments)?.server(look)?)?.into())
        }),
        Function::reads("status", "The server's counters, by name.", "mysql.status", Any::ROWS, |look, arguments| {
            let rows = Any::bind("mysql.status", arguments)?.server(look)?.rows("SHOW GLOBAL STATUS;")?;
            let pair = |row: &Map| (text(row, "Variable_name").to_owned(), text(row, "Value").to_owned());
            Ok(rows.iter().map(pair).collect::<Map>().into())
        }),
        Function::reads(
            "showvariables",
            "The settings of the session.",
            "mysql.showvariables",
            Any::ROWS,
            |look, arguments| listed(look, "mysql.showvariables", arguments, "SHOW VARIABLES;"),
        ),
        Function::reads(
            "showglobal",
            "The settings of the server.",
            "mysql.showglobal",
            Any::ROWS,
            |look, arguments| listed(look, "mysql.showglobal", arguments, "SHOW GLOBAL VARIABLES;"),
        ),
        Function::reads(
            "processlist",
            "What the server is doing, connection by connection.",
            "mysql.processlist",
            Any::ROWS,
            |look, arguments| listed(look, "mysql.processlist", arguments, "SHOW FULL PROCESSLIST;"),
        ),
        Function::reads(
            "get_master_status",
            "Where a server stands that others follow; empty for one that keeps no log for them.",
            "mysql.get_master_status",
            Any::ROWS,
            |look, arguments| first(look, "mysql.get_master_status", arguments, "SHOW MASTER STATUS;"),
        ),
        Function::reads(
            "get_slave_status",
            "Where a server stands that follows another; empty for one that follows nobody.",
            "mysql.get_slave_status",
            Any::ROWS,
            |look, arguments| first(look, "mysql.get_slave_status", arguments, "SHOW SLAVE STATUS;"),
        ),
        Function::reads(
            "slave_lag",
            "Seconds that a server is behind the one it follows; -1 for none, -2 when it does not follow now.",
            "mysql.slave_lag",
            Any::ROWS,
            |look, arguments| {
                let rows = Any::bind("mysql.slave_lag", arguments)?.server(look)?.rows("SHOW SLAVE STATUS;")?;
                let Some(row) = rows.first() else { return Ok((-1).into()) };
                Ok(text(row, "Seconds_Behind_Master").parse::<i64>().unwrap_or(-2).into())
            },
        ),
        Function::reads(
            "plugins_list",
            "The plugins and whether they are active.",
            "mysql.plugins_list",
            Any::ROWS,
            |look, arguments| {
                let server = Any::bind("mysql.plugins_list", arguments)?.server(look)?;
                let sql = "SELECT PLUGIN_NAME AS name, PLUGIN_STATUS AS status FROM information_schema.PLUGINS;";
                Ok(server.rows(sql)?.into_iter().map(Value::Map).collect::<Value>().into())
            },
        ),
        Function::reads(
            "plugin_status",
            "Whether a plugin is active; an empty text for one that is not there.",
            "mysql.plugin_status unix_socket",
            Plugin::ROWS,
            |look, arguments| {
                let args = Plugin::bind("mysql.plugin_status", arguments)?;
                let sql = format!(
                    "SELECT PLUGIN_STATUS FROM information_schema.PLUGINS WHERE PLUGIN_NAME = {};",
                    literal(&args.name)
                );
                let rows = args.server(look)?.rows(&sql)?;
                Ok(rows.first().map_or("", |row| text(row, "PLUGIN_STATUS")).into())
            },
        ),
        Function::changes(
            "plugin_add",
            "Installs a plugin.",
            "mysql.plugin_add auth_ed25519",
            Added::ROWS,
            |act, arguments| {
                let args = Added::bind("mysql.plugin_add", arguments)?;
                let library = args.soname.clone().unwrap_or_else(|| format!("{}.so", args.name));
                let sql = format!("INSTALL PLUGIN {} SONAME {};", name(&args.name), literal(&library));
                change(act, &args.server(act.look())?, &sql)?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "plugin_remove",
            "Removes a plugin.",
            "mysql.plugin_remove auth_ed25519",
            Plugin::ROWS,
            |act, arguments| {
                let args = Plugin::bind("mysql.plugin_remove", arguments)?;
                change(act, &args.server(act.look())?, &format!("UNINSTALL PLUGIN {};", name(&args.name)))?;
                Ok(true.into())
            },
        ),
    ],
};

on_mysql! {
    /// A server.
    pub struct Any {}
}

on_mysql! {
    /// A plugin.
    pub struct Plugin {
        /// Its name.
        name: String,
    }
}

on_mysql! {
    /// Arguments of `mysql.plugin_add`.
    pub struct Added {
        /// Its name.
        name: String,
        /// Its library; the name and `.so` by default.
        soname: Option<String> = None,
    }
}

/// The version of the server.
pub fn version(server: &Server) -> Result<String, MysqlError> {
    Ok(server.rows("SELECT VERSION() AS version;")?.first().map_or("", |row| text(row, "version")).to_owned())
}

fn rows(look: &Look, function: &str, arguments: Arguments, sql: &str) -> Result<Vec<Map>, CallError> {
    Ok(Any::bind(function, arguments)?.server(look)?.rows(sql)?)
}

fn listed(look: &Look, function: &str, arguments: Arguments, sql: &str) -> CallResult {
    Ok(rows(look, function, arguments, sql)?.into_iter().map(Value::Map).collect::<Value>().into())
}

fn first(look: &Look, function: &str, arguments: Arguments, sql: &str) -> CallResult {
    let row = rows(look, function, arguments, sql)?.into_iter().next();
    Ok(row.map_or(Value::List(Vec::new()), Value::Map).into())
}
