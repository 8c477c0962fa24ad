//! Databases of a server.

use fleet_common::call::Function;
use fleet_common::value::{Map, Value};

use super::connection::{change, text};
use super::on_mysql;
use crate::cx::{Act, Module};
use crate::system::mysql::{MysqlError, Server, literal, name};

/// The part of the module.
pub const MODULE: Module = Module {
    name: "mysql",
    doc: "Servers of MySQL and MariaDB.",
    functions: &[
        Function::reads("db_list", "The databases.", "mysql.db_list", super::server::Any::ROWS, |look, arguments| {
            let server = super::server::Any::bind("mysql.db_list", arguments)?.server(look)?;
            let rows = server.rows("SHOW DATABASES")?;
            Ok(rows.iter().map(|row| text(row, "Database")).collect::<Value>().into())
        }),
        Function::reads(
            "db_exists",
            "True if there is a database.",
            "mysql.db_exists shop",
            One::ROWS,
            |look, arguments| {
                let args = One::bind("mysql.db_exists", arguments)?;
                Ok(find(&args.server(look)?, &args.name)?.is_some().into())
            },
        ),
        Function::reads(
            "db_get",
            "Character set and order of a database; an empty mapping for none.",
            "mysql.db_get shop",
            One::ROWS,
            |look, arguments| {
                let args = One::bind("mysql.db_get", arguments)?;
                Ok(find(&args.server(look)?, &args.name)?.unwrap_or_default().into())
            },
        ),
        Function::changes(
            "db_create",
            "Makes a database.",
            "mysql.db_create shop utf8mb4 utf8mb4_bin",
            Made::ROWS,
            |act, arguments| {
                let args = Made::bind("mysql.db_create", arguments)?;
                create(act, &args.server(act.look())?, &args.name, &args.letters())?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "alter_db",
            "Gives a database another character set or order.",
            "mysql.alter_db shop utf8mb4",
            Made::ROWS,
            |act, arguments| {
                let args = Made::bind("mysql.alter_db", arguments)?;
                alter(act, &args.server(act.look())?, &args.name, &args.letters())?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "db_remove",
            "Removes a database with all that is in it; those of the server itself are refused.",
            "mysql.db_remove shop",
            One::ROWS,
            |act, arguments| {
                let args = One::bind("mysql.db_remove", arguments)?;
                remove(act, &args.server(act.look())?, &args.name)?;
                Ok(true.into())
            },
        ),
    ],
};

on_mysql! {
    /// A database.
    pub struct One {
        /// Its name.
        name: String,
    }
}

on_mysql! {
    /// Arguments of `mysql.db_create`.
    pub struct Made {
        /// Its name.
        name: String,
        /// Its character set.
        character_set: Option<String> = None,
        /// Order of its texts.
        collate: Option<String> = None,
    }
}

impl Made {
    fn letters(&self) -> Letters {
        Letters { character_set: self.character_set.clone(), collate: self.collate.clone() }
    }
}

/// How texts of a database are kept; what is `None` is the server's default, or stays.
#[derive(Debug, Clone, Default)]
pub struct Letters {
    /// Character set.
    pub character_set: Option<String>,
    /// Order.
    pub collate: Option<String>,
}

impl Letters {
    fn sql(&self) -> String {
        let named = [("CHARACTER SET", &self.character_set), ("COLLATE", &self.collate)];
        named.iter().filter_map(|(word, value)| Some(format!(" {word} {}", literal(value.as_ref()?)))).collect()
    }
}

/// Character set and order of a database, as `character_set` and `collate`.
pub fn find(server: &Server, database: &str) -> Result<Option<Map>, MysqlError> {
    // Compared bit by bit: the server's own comparison takes `Shop` for `shop`.
    let sql = format!(
        "SELECT DEFAULT_CHARACTER_SET_NAME AS character_set, DEFAULT_COLLATION_NAME AS `collate` \
         FROM information_schema.SCHEMATA WHERE BINARY SCHEMA_NAME = {};",
        literal(database)
    );
    Ok(server.rows(&sql)?.pop())
}

/// Makes a database.
pub fn create(act: &Act, server: &Server, database: &str, letters: &Letters) -> Result<(), MysqlError> {
    change(act, server, &format!("CREATE DATABASE {}{};", name(database), letters.sql()))
}

/// Gives a database other letters.
pub fn alter(act: &Act, server: &Server, database: &str, letters: &Letters) -> Result<(), MysqlError> {
    let sql = letters.sql();
    if sql.is_empty() { Ok(()) } else { change(act, server, &format!("ALTER DATABASE {}{sql};", name(database))) }
}

/// Removes a database.
pub fn remove(act: &Act, server: &Server, database: &str) -> Result<(), MysqlError> {
    if ["mysql", "information_schema", "performance_schema", "sys"].contains(&database) {
        return Err(MysqlError::Nonsense(format!("the database {database} is the server's own: it is not removed")));
    }
    change(act, server, &format!("DROP DATABASE {};", name(database)))
}
