//! What accounts may.

use fleet_common::args;
use fleet_common::call::{CallError, Function};
use fleet_common::value::{Map, Value};

use super::account::account;
use super::connection::change;
use super::grants::Grant;
use super::on_mysql;
use crate::cx::{Act, Module};
use crate::system::mysql::{MysqlError, Server, literal, name};

/// The server's numbers for an account that is not there.
const NO_ACCOUNT: [u32; 2] = [1141, 1269];

/// The part of the module.
pub const MODULE: Module = Module {
    name: "mysql",
    doc: "Servers of MySQL and MariaDB.",
    functions: &[
        Function::reads(
            "user_grants",
            "What an account may, as statements without its password; false for none.",
            "mysql.user_grants larry localhost",
            super::account::One::ROWS,
            |look, arguments| {
                let args = super::account::One::bind("mysql.user_grants", arguments)?;
                Ok(match lines(&args.server(look)?, &args.user, &args.host)? {
                    Some(lines) => lines.into_iter().map(Value::from).collect::<Value>().into(),
                    None => false.into(),
                })
            },
        ),
        Function::reads(
            "grant_exists",
            "True if an account may this.",
            "mysql.grant_exists 'SELECT,INSERT' 'shop.*' larry localhost",
            Asked::ROWS,
            |look, arguments| {
                let args = Asked::bind("mysql.grant_exists", arguments)?;
                let wanted = Grant::wanted(&args.grant, &args.database, args.escape, args.grant_option)?;
                Ok(wanted.is_in(&list(&args.server(look)?, &args.user, &args.host)?).into())
            },
        ),
        Function::changes(
            "grant_add",
            "Lets an account do this.",
            "mysql.grant_add 'SELECT,INSERT' 'shop.*' larry localhost",
            Added::ROWS,
            |act, arguments| {
                let args = Added::bind("mysql.grant_add", arguments)?;
                let wanted = Grant::wanted(&args.grant, &args.database, args.escape, args.grant_option)?;
                let requires = requires(&args.ssl_option)?;
                add(act, &args.server(act.look())?, &wanted, &args.user, &args.host, &requires)?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "grant_revoke",
            "Lets an account do this no longer.",
            "mysql.grant_revoke 'SELECT,INSERT' 'shop.*' larry localhost",
            Asked::ROWS,
            |act, arguments| {
                let args = Asked::bind("mysql.grant_revoke", arguments)?;
                let wanted = Grant::wanted(&args.grant, &args.database, args.escape, args.grant_option)?;
                revoke(act, &args.server(act.look())?, &wanted, &args.user, &args.host)?;
                Ok(true.into())
            },
        ),
        Function::reads(
            "quote_identifier",
            "A name as SQL writes it; with `for_grants`, signs that stand for others stand for themselves.",
            "mysql.quote_identifier 'foo`bar'",
            Quoted::ROWS,
            |_, arguments| {
                let args = Quoted::bind("mysql.quote_identifier", arguments)?;
                let quoted = name(&args.identifier);
                Ok(if args.for_grants { quoted.replace('%', "%%").replace('_', "\\_") } else { quoted }.into())
            },
        )
        .quick(),
        Function::reads(
            "tokenize_grant",
            "The parts of a statement: `user`, `host`, `grant`, `database`.",
            "mysql.tokenize_grant 'GRANT SELECT, INSERT ON shop.* TO `larry`@`localhost`'",
            Statement::ROWS,
            |_, arguments| {
                let text = Statement::bind("mysql.tokenize_grant", arguments)?.grant;
                let odd =
                    || CallError::Invocation(format!("'{text}' is no GRANT of privileges on something to somebody"));
                let grant = Grant::listed(&text).ok_or_else(odd)?;
                let who = text.rsplit_once(" TO ").map_or("", |(_, who)| who);
                let who = who.split_whitespace().next().unwrap_or_default();
                let (user, host) = who.rsplit_once('@').unwrap_or((who, ""));
                Ok(Map::from_iter([
                    ("user", Value::from(user)),
                    ("host", host.into()),
                    ("grant", grant.privileges.iter().map(String::as_str).collect()),
                    ("database", grant.on.as_str().into()),
                ])
                .into())
            },
        )
        .quick(),
    ],
};

on_mysql! {
    /// What is granted, on what, to whom.
    pub struct Asked {
        /// Privileges.
        grant: String,
        /// On what: `*.*`, `database.*`, `database.table`.
        database: String,
        /// To whom.
        user: String,
        /// Where it comes from.
        host: String = "localhost".to_owned(),
        /// What is granted may be granted further.
        grant_option: bool = false,
        /// `_` and `%` in the name of the database stand for themselves.
        escape: bool = true,
    }
}

on_mysql! {
    /// Arguments of `mysql.grant_add`.
    pub struct Added {
        /// Privileges.
        grant: String,
        /// On what: `*.*`, `database.*`, `database.table`.
        database: String,
        /// To whom.
        user: String,
        /// Where it comes from.
        host: String = "localhost".to_owned(),
        /// What is granted may be granted further.
        grant_option: bool = false,
        /// `_` and `%` in the name of the database stand for themselves.
        escape: bool = true,
        /// What its connections must have: mappings of `SSL`, `X509`, `SUBJECT`, `ISSUER`, `CIPHER`.
        ssl_option: Value = Value::Bool(false),
    }
}

args! {
    /// Arguments of `mysql.quote_identifier`.
    pub struct Quoted {
        /// The name.
        identifier: String,
        /// It is the object of a grant.
        for_grants: bool = false,
    }
}

args! {
    /// Arguments of `mysql.tokenize_grant`.
    pub struct Statement {
        /// The statement.
        grant: String,
    }
}

/// The statements that say what an account may, without what the server keeps of its password; `None` for no account.
fn lines(server: &Server, user: &str, host: &str) -> Result<Option<Vec<String>>, MysqlError> {
    let rows = match server.rows(&format!("SHOW GRANTS FOR {};", account(user, host))) {
        Err(MysqlError::Said { code, .. }) if NO_ACCOUNT.contains(&code) => return Ok(None),
        rows => rows?,
    };
    let text = |row: &Map| row.values().next().and_then(Value::as_str).map(without_password);
    Ok(Some(rows.iter().filter_map(text).collect()))
}

/// A statement without what the server keeps of the password; what stands behind that stays.
fn without_password(line: &str) -> String {
    let Some((before, password)) = line.split_once(" IDENTIFIED ") else { return line.to_owned() };
    let behind = [" REQUIRE ", " WITH "].iter().filter_map(|word| password.rfind(word)).min();
    format!("{before}{}", behind.map_or("", |at| &password[at..]))
}

/// What an account may; nothing for one that is not there.
pub fn list(server: &Server, user: &str, host: &str) -> Result<Vec<Grant>, MysqlError> {
    let lines = lines(server, user, host)?.unwrap_or_default();
    Ok(lines.iter().filter_map(|line| Grant::listed(line)).collect())
}

/// What connections must have, as SQL writes it; empty for nothing said.
pub fn requires(options: &Value) -> Result<String, MysqlError> {
    let odd = || MysqlError::Nonsense("ssl_option is a list of SSL, X509, SUBJECT, ISSUER and CIPHER".to_owned());
    let entries = match options {
        Value::Bool(false) | Value::Null => return Ok(String::new()),
        Value::List(entries) => entries,
        _ => return Err(odd()),
    };
    let mut words = Vec::new();
    for (key, value) in entries.iter().filter_map(Value::as_map).flat_map(Map::iter) {
        let word = key.as_str().map(str::to_ascii_uppercase).ok_or_else(odd)?;
        match (word.as_str(), value) {
            ("SSL" | "X509", value) if value.truthy() => words.push(word),
            ("SSL" | "X509", _) => {}
            ("SUBJECT" | "ISSUER" | "CIPHER", Value::Str(text)) => words.push(format!("{word} {}", literal(text))),
            _ => return Err(odd()),
        }
    }
    if entries.iter().any(|entry| entry.as_map().is_none()) {
        return Err(odd());
    }
    Ok(words.join(" AND "))
}

/// Lets an account do something.
pub fn add(
    act: &Act,
    server: &Server,
    wanted: &Grant,
    user: &str,
    host: &str,
    requires: &str,
) -> Result<(), MysqlError> {
    let to = account(user, host);
    // Some servers would make an account without a password.
    if lines(server, user, host)?.is_none() {
        return Err(MysqlError::Nonsense(format!("there is no account {user}@{host}: mysql_user.present makes it")));
    }
    let option = if wanted.option { " WITH GRANT OPTION" } else { "" };
    let mut sql = format!("GRANT {} ON {} TO {to}{option};\n", wanted.list(), wanted.on);
    if !requires.is_empty() {
        sql.push_str(&format!("ALTER USER {to} REQUIRE {requires};\n"));
    }
    change(act, server, &sql)
}

/// Lets an account do something no longer.
pub fn revoke(act: &Act, server: &Server, grant: &Grant, user: &str, host: &str) -> Result<(), MysqlError> {
    let (on, from) = (&grant.on, account(user, host));
    let mut sql = String::new();
    if grant.option {
        sql.push_str(&format!("REVOKE GRANT OPTION ON {on} FROM {from};\n"));
    }
    if !grant.privileges.is_empty() {
        sql.push_str(&format!("REVOKE {} ON {on} FROM {from};\n", grant.list()));
    }
    change(act, server, &sql)
}
