//! `postgres.*`: PostgreSQL servers, through the client `psql`.

pub mod database;
pub mod object;
pub mod privilege;
pub mod role;
pub mod run;

use fleet_common::call::{CallError, Function};
use fleet_common::value::Value;

use crate::cx::Module;
use crate::system::postgres::PostgresError;

impl From<PostgresError> for CallError {
    fn from(error: PostgresError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// An `args!` struct with the arguments that say which server, and as whom, behind its own; `server()` gives it.
macro_rules! on_server {
    ($(#[doc = $doc:expr])* $vis:vis struct $name:ident { $($body:tt)* }) => {
        fleet_common::args! {
            $(#[doc = $doc])*
            $vis struct $name {
                $($body)*
                /// The role that asks.
                user: Option<String> = None,
                /// Host of the server, or the directory of its socket.
                host: Option<String> = None,
                /// Its port.
                port: Option<i64> = None,
                /// The database that is connected to.
                maintenance_db: Option<String> = None,
                /// The password of the role.
                password: Option<String> = None,
                /// The account that runs the client; `postgres` by default.
                runas: Option<String> = None,
            }
        }
        impl $name {
            /// The server.
            fn server(&self) -> $crate::system::postgres::Server {
                $crate::system::postgres::Server {
                    runas: self.runas.clone(),
                    host: self.host.clone(),
                    port: self.port,
                    user: self.user.clone(),
                    password: self.password.clone(),
                    database: self.maintenance_db.clone(),
                }
            }
        }
    };
}
pub(crate) use on_server;

/// What is asked of the server itself.
pub const MODULE: Module = Module {
    name: "postgres",
    doc: "PostgreSQL servers.",
    functions: &[
        Function::reads("version", "The version of the server.", "postgres.version", Any::ROWS, |_, arguments| {
            let server = Any::bind("postgres.version", arguments)?.server();
            Ok(server.value("SELECT setting FROM pg_catalog.pg_settings WHERE name = 'server_version'")?.into())
        }),
        Function::changes(
            "psql_query",
            "Runs a query and gives its rows, every value as text. May change whatever the role may.",
            "postgres.psql_query 'select * from pg_stat_activity'",
            Query::ROWS,
            |_, arguments| {
                let query = Query::bind("postgres.psql_query", arguments)?;
                if query.query.lines().any(|line| line.trim_start().starts_with('\\')) {
                    let text = "commands of psql (lines that begin with '\\') are not taken, only SQL";
                    return Err(CallError::Invocation(text.to_owned()));
                }
                let begin = if query.write { "" } else { "SET default_transaction_read_only = on;\n" };
                let rows = query.server().rows(&format!("{begin}{}", query.query))?;
                Ok(rows.into_iter().map(Value::Map).collect::<Value>().into())
            },
        ),
    ],
};

/// The parts of the module.
pub const MODULES: [&Module; 5] = [&MODULE, &database::MODULE, &object::MODULE, &privilege::MODULE, &role::MODULE];

on_server! {
    /// A server.
    pub struct Any {}
}

on_server! {
    /// Arguments of `postgres.psql_query`.
    pub struct Query {
        /// The SQL.
        query: String,
        /// It may change data; else the server refuses that.
        write: bool = false,
    }
}
