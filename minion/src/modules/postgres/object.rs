//! Extensions and schemas of a database, tablespaces of a server.

use fleet_common::call::Function;
use fleet_common::value::{Map, Value};

use super::on_server;
use super::run::by_column;
use crate::cx::Module;
use crate::system::postgres::{PostgresError, Server, text};

/// The part of the module.
pub const MODULE: Module = Module {
    name: "postgres",
    doc: "PostgreSQL servers.",
    functions: &[
        Function::reads(
            "installed_extensions",
            "Extensions that a database has.",
            "postgres.installed_extensions maintenance_db=shop",
            super::Any::ROWS,
            |_, arguments| {
                let server = super::Any::bind("postgres.installed_extensions", arguments)?.server();
                Ok(by_keeping(installed(&server)?, "extname").into())
            },
        ),
        Function::reads(
            "available_extensions",
            "Extensions that a database can have.",
            "postgres.available_extensions",
            super::Any::ROWS,
            |_, arguments| {
                let server = super::Any::bind("postgres.available_extensions", arguments)?.server();
                Ok(by_keeping(available(&server)?, "name").into())
            },
        ),
        Function::reads(
            "is_installed_extension",
            "True if a database has an extension.",
            "postgres.is_installed_extension hstore maintenance_db=shop",
            One::ROWS,
            |_, arguments| {
                let args = One::bind("postgres.is_installed_extension", arguments)?;
                Ok(one(installed(&args.server())?, "extname", &args.name).is_some().into())
            },
        ),
        Function::reads(
            "is_available_extension",
            "True if a database can have an extension.",
            "postgres.is_available_extension hstore",
            One::ROWS,
            |_, arguments| {
                let args = One::bind("postgres.is_available_extension", arguments)?;
                Ok(one(available(&args.server())?, "name", &args.name).is_some().into())
            },
        ),
        Function::reads(
            "get_installed_extension",
            "What is known of an extension that a database has.",
            "postgres.get_installed_extension hstore",
            One::ROWS,
            |_, arguments| {
                let args = One::bind("postgres.get_installed_extension", arguments)?;
                Ok(one(installed(&args.server())?, "extname", &args.name).map_or(Value::Null, Value::Map).into())
            },
        ),
        Function::reads(
            "get_available_extension",
            "What is known of an extension that a database can have.",
            "postgres.get_available_extension hstore",
            One::ROWS,
            |_, arguments| {
                let args = One::bind("postgres.get_available_extension", arguments)?;
                Ok(one(available(&args.server())?, "name", &args.name).map_or(Value::Null, Value::Map).into())
            },
        ),
        Function::reads(
            "tablespace_list",
            "The tablespaces and what is known of them.",
            "postgres.tablespace_list",
            super::Any::ROWS,
            |_, arguments| {
                let server = super::Any::bind("postgres.tablespace_list", arguments)?.server();
                Ok(by_column(tablespaces(&server)?, "Name").into())
            },
        ),
        Function::reads(
            "tablespace_exists",
            "True if there is a tablespace.",
            "postgres.tablespace_exists fast",
            One::ROWS,
            |_, arguments| {
                let args = One::bind("postgres.tablespace_exists", arguments)?;
                Ok(one(tablespaces(&args.server())?, "Name", &args.name).is_some().into())
            },
        ),
        Function::reads(
            "schema_list",
            "The schemas of a database and what is known of them.",
            "postgres.schema_list shop",
            OfDatabase::ROWS,
            |_, arguments| {
                let args = OfDatabase::bind("postgres.schema_list", arguments)?;
                Ok(by_column(schemas(&args.server())?, "name").into())
            },
        ),
        Function::reads(
            "schema_exists",
            "True if a database has a schema.",
            "postgres.schema_exists shop orders",
            InDatabase::ROWS,
            |_, arguments| {
                let args = InDatabase::bind("postgres.schema_exists", arguments)?;
                Ok(one(schemas(&args.server())?, "name", &args.name).is_some().into())
            },
        ),
        Function::reads(
            "schema_get",
            "What is known of a schema; null for none.",
            "postgres.schema_get shop orders",
            InDatabase::ROWS,
            |_, arguments| {
                let args = InDatabase::bind("postgres.schema_get", arguments)?;
                let found = one(schemas(&args.server())?, "name", &args.name).map(|mut row| {
                    row.remove("name");
                    row
                });
                Ok(found.map_or(Value::Null, Value::Map).into())
            },
        ),
    ],
};

on_server! {
    /// Something that has a name.
    pub struct One {
        /// The name.
        name: String,
    }
}

/// An `args!` struct of functions on schemas, whose arguments have other names; `server()` gives the server.
macro_rules! in_database {
    ($(#[doc = $doc:expr])* $vis:vis struct $name:ident { $($body:tt)* }) => {
        fleet_common::args! {
            $(#[doc = $doc])*
            $vis struct $name {
                /// The database.
                dbname: String,
                $($body)*
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
        impl $name {
            /// The server, on the database.
            fn server(&self) -> Server {
                Server {
                    runas: self.user.clone(),
                    host: self.db_host.clone(),
                    port: self.db_port,
                    user: self.db_user.clone(),
                    password: self.db_password.clone(),
                    database: Some(self.dbname.clone()),
                }
            }
        }
    };
}

in_database! {
    /// A database.
    pub struct OfDatabase {}
}

in_database! {
    /// A schema of a database.
    pub struct InDatabase {
        /// The schema.
        name: String,
    }
}

fn by_keeping(rows: Vec<Map>, column: &str) -> Map {
    rows.into_iter().map(|row| (text(&row, column).to_owned(), row)).collect()
}

/// The row of one name.
pub fn one(rows: Vec<Map>, column: &str, wanted: &str) -> Option<Map> {
    rows.into_iter().find(|row| text(row, column) == wanted)
}

/// Extensions that the database has.
pub fn installed(server: &Server) -> Result<Vec<Map>, PostgresError> {
    server.rows(
        "SELECT e.*, n.nspname AS schema_name FROM pg_catalog.pg_extension e \
         JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace ORDER BY e.oid",
    )
}

/// Extensions that the database can have.
pub fn available(server: &Server) -> Result<Vec<Map>, PostgresError> {
    server.rows("SELECT name, default_version, comment FROM pg_catalog.pg_available_extensions ORDER BY name")
}

/// Tablespaces.
pub fn tablespaces(server: &Server) -> Result<Vec<Map>, PostgresError> {
    server.rows(
        "SELECT spcname AS \"Name\", pg_get_userbyid(spcowner) AS \"Owner\", spcacl AS \"ACL\", spcoptions AS \"Opts\", \
         pg_tablespace_location(oid) AS \"Location\" FROM pg_catalog.pg_tablespace ORDER BY oid",
    )
}

/// Schemas of the database.
pub fn schemas(server: &Server) -> Result<Vec<Map>, PostgresError> {
    server.rows(
        "SELECT nspname AS name, pg_get_userbyid(nspowner) AS owner, nspacl AS acl FROM pg_catalog.pg_namespace \
         WHERE nspname !~ '^pg_t(oast_)?temp_' ORDER BY oid",
    )
}
