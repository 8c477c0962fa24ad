//! PostgreSQL through its client: SQL goes through standard input and the password through the environment, so that
//! no process list shows either.

use std::ffi::OsStr;

use fleet_common::value::{Map, Value};

use super::command::{Command, CommandError, RunAs, which};

/// Separates columns and rows of what the client prints: no text of a database holds these by chance.
const COLUMN: char = '\u{1f}';
const ROW: char = '\u{1e}';
/// The account that the server runs as, and its first role.
const OWNER: &str = "postgres";
/// Databases that servers have, unless somebody took one away.
const ALWAYS_THERE: &[&str] = &[OWNER, "template1"];
/// Seconds until a statement is given up: a lock that nobody gives back must not hold a run for ever.
const PATIENCE: f64 = 600.0;

/// Why the server did not do something.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// There is no client.
    #[error("psql is not on this machine: is PostgreSQL's client installed?")]
    NoClient,
    /// The client could not be run.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The server said no, or can't be reached.
    #[error("{0}")]
    Said(String),
    /// The database that was to be connected to is not there.
    #[error("{0}")]
    NoDatabase(String),
    /// A name or text that SQL can't hold.
    #[error("a text with a zero byte can't be given to PostgreSQL")]
    ZeroByte,
}

/// A server, and as whom it is asked.
#[derive(Clone, Default)]
pub struct Server {
    /// The account that runs the client; that of the server unless told otherwise.
    pub runas: Option<String>,
    /// Host, or the directory of the socket.
    pub host: Option<String>,
    /// Port.
    pub port: Option<i64>,
    /// Role.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// The database that is connected to.
    pub database: Option<String>,
}

impl Server {
    /// The same server, another database.
    pub fn on(&self, database: &str) -> Self {
        Self { database: Some(database.to_owned()), ..self.clone() }
    }

    /// Runs statements and gives the rows of the last one, as texts by column.
    ///
    /// # Errors
    /// A database that is not there is told apart by asking for its name: the server's words are in its own language.
    pub fn rows(&self, sql: &str) -> Result<Vec<Map>, PostgresError> {
        match self.ask(sql) {
            Err(PostgresError::Said(why)) if self.is_gone() => Err(PostgresError::NoDatabase(why)),
            answered => answered,
        }
    }

    /// True if the server answers and does not have the database.
    fn is_gone(&self) -> bool {
        let database = self.database.as_deref().unwrap_or(OWNER);
        let sql = format!("SELECT count(*) FROM pg_catalog.pg_database WHERE datname = {}", literal(database));
        let others = ALWAYS_THERE.iter().filter(|other| **other != database);
        let count = others.map(|other| self.on(other).ask(&sql)).find_map(Result::ok);
        count.is_some_and(|rows| rows.first().is_some_and(|row| text(row, "count") == "0"))
    }

    fn ask(&self, sql: &str) -> Result<Vec<Map>, PostgresError> {
        if sql.contains('\0') {
            return Err(PostgresError::ZeroByte);
        }
        let psql = which("psql", std::env::var_os("PATH").as_deref()).ok_or(PostgresError::NoClient)?;
        let mut argv = vec![psql.into_os_string()];
        let separators = [format!("--field-separator={COLUMN}"), format!("--record-separator={ROW}")];
        let fixed = ["--no-psqlrc", "--no-align", "--quiet", "--no-password", "--pset=footer=off"];
        let fixed = fixed.into_iter().chain(["--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse"]);
        argv.extend(fixed.map(Into::into));
        argv.extend(separators.map(Into::into));
        let port = self.port.map(|port| port.to_string());
        let database = self.database.as_deref().unwrap_or(OWNER);
        let named = [("--host", &self.host), ("--port", &port), ("--username", &self.user)];
        for (option, value) in named {
            argv.extend(value.as_ref().map(|value| format!("{option}={value}").into()));
        }
        argv.push(format!("--dbname={database}").into());
        let mut command = Command::argv(argv).c_locale().cwd("/").stdin(sql).timeout_seconds(PATIENCE);
        // What goes in and comes out is read as UTF-8, whatever the database holds.
        command = command.env("PGCLIENTENCODING", Some(OsStr::new("UTF8")));
        if let Some(password) = &self.password {
            command = command.env("PGPASSWORD", Some(OsStr::new(password)));
        }
        if rustix::process::geteuid().is_root() {
            command = command.run_as(RunAs::account(self.runas.as_deref().unwrap_or(OWNER))?);
        }
        let finished = command.run()?;
        if finished.status == 0 && !finished.timed_out && !finished.cut {
            return Ok(parse(&String::from_utf8_lossy(&finished.stdout)));
        }
        let why = match (finished.timed_out, finished.cut) {
            (true, _) => format!("no answer within {PATIENCE} seconds"),
            (_, true) => "the answer is too long".to_owned(),
            _ => finished.err(),
        };
        Err(PostgresError::Said(why))
    }

    /// The first column of the first row.
    pub fn value(&self, sql: &str) -> Result<Option<String>, PostgresError> {
        let rows = self.rows(sql)?;
        Ok(rows.first().and_then(|row| row.values().next()).and_then(Value::as_str).map(str::to_owned))
    }
}

/// What is in a database; nothing is in one that is not there.
pub fn if_there(listed: Result<Vec<Map>, PostgresError>) -> Result<Vec<Map>, PostgresError> {
    match listed {
        Err(PostgresError::NoDatabase(_)) => Ok(Vec::new()),
        listed => listed,
    }
}

/// Rows by the names in the first one.
fn parse(text: &str) -> Vec<Map> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut rows = text.split(ROW).map(|row| row.split(COLUMN));
    let names: Vec<&str> = rows.next().map(Iterator::collect).unwrap_or_default();
    rows.map(|row| names.iter().copied().zip(row).collect()).collect()
}

/// A column of a row.
pub fn text<'r>(row: &'r Map, column: &str) -> &'r str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

/// True for what the client prints as one.
pub fn truth(row: &Map, column: &str) -> bool {
    text(row, column) == "t"
}

/// A name as SQL writes it.
pub fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A text as SQL writes it.
pub fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') { format!(" E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_prints_becomes_rows() {
        let rows = parse("a\u{1f}b\u{1e}1\u{1f}x y\u{1e}2\u{1f}with\nline\n");
        assert_eq!(rows.len(), 2);
        assert_eq!((text(&rows[0], "b"), text(&rows[1], "b")), ("x y", "with\nline"));
        assert!(parse("").is_empty() && parse("a\n").is_empty());
    }

    #[test]
    fn names_and_texts_end_where_they_should() {
        assert_eq!(name("a\"; drop"), "\"a\"\"; drop\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), " E'a\\\\''b'");
    }
}
