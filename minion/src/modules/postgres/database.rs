//! Databases of a server.

use fleet_common::call::Function;
use fleet_common::value::{Map, Value};

use super::on_server;
use super::run::{by_column, change};
use crate::cx::{Act, Module};
use crate::system::postgres::{PostgresError, Server, literal, name, text};

/// The part of the module.
pub const MODULE: Module = Module {
    name: "postgres",
    doc: "PostgreSQL servers.",
    functions: &[
        Function::reads(
            "db_list",
            "The databases and what is known of them.",
            "postgres.db_list",
            super::Any::ROWS,
            |_, arguments| {
                let server = super::Any::bind("postgres.db_list", arguments)?.server();
                Ok(by_column(list(&server)?, "Name").into())
            },
        ),
        Function::reads(
            "db_exists",
            "True if there is a database.",
            "postgres.db_exists shop",
            One::ROWS,
            |_, arguments| {
                let args = One::bind("postgres.db_exists", arguments)?;
                Ok(find(&args.server(), &args.name)?.is_some().into())
            },
        ),
        Function::changes(
            "db_create",
            "Makes a database.",
            "postgres.db_create shop owner=larry",
            Made::ROWS,
            |act, arguments| {
                let args = Made::bind("postgres.db_create", arguments)?;
                create(act, &args.server(), &args.name, &args.options())?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "db_remove",
            "Removes a database with all that is in it.",
            "postgres.db_remove shop",
            One::ROWS,
            |act, arguments| {
                let args = One::bind("postgres.db_remove", arguments)?;
                remove(act, &args.server(), &args.name)?;
                Ok(true.into())
            },
        ),
    ],
};

on_server! {
    /// A database.
    pub struct One {
        /// Its name.
        name: String,
    }
}

on_server! {
    /// Arguments of `postgres.db_create`.
    pub struct Made {
        /// Its name.
        name: String,
        /// Its tablespace.
        tablespace: Option<String> = None,
        /// Its encoding.
        encoding: Option<String> = None,
        /// Order of its texts.
        lc_collate: Option<String> = None,
        /// Kinds of its letters.
        lc_ctype: Option<String> = None,
        /// Its owner.
        owner: Option<String> = None,
        /// The database it is a copy of.
        template: Option<String> = None,
    }
}

impl Made {
    fn options(&self) -> Options {
        Options {
            tablespace: self.tablespace.clone(),
            encoding: self.encoding.clone(),
            lc_collate: self.lc_collate.clone(),
            lc_ctype: self.lc_ctype.clone(),
            owner: self.owner.clone(),
            template: self.template.clone(),
        }
    }
}

/// What a database should be; what is `None` is the server's default, or stays.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Its tablespace.
    pub tablespace: Option<String>,
    /// Its encoding.
    pub encoding: Option<String>,
    /// Order of its texts.
    pub lc_collate: Option<String>,
    /// Kinds of its letters.
    pub lc_ctype: Option<String>,
    /// Its owner.
    pub owner: Option<String>,
    /// The database it is a copy of.
    pub template: Option<String>,
}

fn list(server: &Server) -> Result<Vec<Map>, PostgresError> {
    server.rows(
        "SELECT datname AS \"Name\", pg_get_userbyid(datdba) AS \"Owner\", pg_encoding_to_char(encoding) AS \"Encoding\", \
         datcollate AS \"Collate\", datctype AS \"Ctype\", datacl AS \"Access privileges\", spcname AS \"Tablespace\" \
         FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace ORDER BY d.oid",
    )
}

/// What is known of a database.
pub fn find(server: &Server, wanted: &str) -> Result<Option<Map>, PostgresError> {
    Ok(list(server)?.into_iter().find(|row| text(row, "Name") == wanted))
}

/// Makes a database.
pub fn create(act: &Act, server: &Server, database: &str, options: &Options) -> Result<(), PostgresError> {
    let named = [("TABLESPACE", &options.tablespace), ("OWNER", &options.owner), ("TEMPLATE", &options.template)];
    let texts = [("ENCODING", &options.encoding), ("LC_COLLATE", &options.lc_collate), ("LC_CTYPE", &options.lc_ctype)];
    let named = named.iter().filter_map(|(word, value)| Some(format!(" {word} = {}", name(value.as_ref()?))));
    let texts = texts.iter().filter_map(|(word, value)| Some(format!(" {word} = {}", literal(value.as_ref()?))));
    let options: String = named.chain(texts).collect();
    change(act, server, &format!("CREATE DATABASE {}{options};", name(database)))
}

/// Removes a database.
pub fn remove(act: &Act, server: &Server, database: &str) -> Result<(), PostgresError> {
    change(act, server, &format!("DROP DATABASE {};", name(database)))
}

/// What of the options differs and can be changed, and whether something differs that can't.
pub fn differs(known: &Map, wanted: &Options) -> (Map, bool) {
    let differing =
        |column: &str, value: &Option<String>| value.as_ref().filter(|value| text(known, column) != **value).cloned();
    let mut changes = Map::new();
    for (key, column, value) in [("owner", "Owner", &wanted.owner), ("tablespace", "Tablespace", &wanted.tablespace)] {
        if let Some(value) = differing(column, value) {
            changes.insert(key, value);
        }
    }
    // The client prints encodings without the signs that people write in them.
    let bare = |text: &str| text.to_ascii_uppercase().replace(['-', '_'], "");
    let encoding = wanted.encoding.as_ref().is_some_and(|value| bare(value) != bare(text(known, "Encoding")));
    let fixed = differing("Collate", &wanted.lc_collate).or_else(|| differing("Ctype", &wanted.lc_ctype)).is_some();
    (changes, encoding || fixed)
}

/// Changes owner and tablespace; `recurse` gives what the former owner has in it to the new one.
pub fn alter(
    act: &Act,
    server: &Server,
    database: &str,
    known: &Map,
    changes: &Map,
    recurse: bool,
) -> Result<(), PostgresError> {
    if let Some(tablespace) = changes.get("tablespace").and_then(Value::as_str) {
        change(act, server, &format!("ALTER DATABASE {} SET TABLESPACE {};", name(database), name(tablespace)))?;
    }
    if let Some(owner) = changes.get("owner").and_then(Value::as_str) {
        change(act, server, &format!("ALTER DATABASE {} OWNER TO {};", name(database), name(owner)))?;
        if recurse {
            let former = text(known, "Owner");
            let sql = format!("REASSIGN OWNED BY {} TO {};", name(former), name(owner));
            change(act, &server.on(database), &sql)?;
        }
    }
    Ok(())
}
