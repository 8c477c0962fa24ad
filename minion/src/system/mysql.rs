//! MySQL and MariaDB through their client: what says who asks is handed to it in memory, SQL goes through standard input, so
//! that no process list shows either and nothing is left on a disk, however we end.

use std::path::Path;

use fleet_common::digest;
use fleet_common::value::Map;

use super::command::{Command, CommandError, HANDED, which};
use super::fs::plain;
use super::mysql_rows::parse;

/// Seconds until a statement is given up: a lock that nobody gives back must not hold a run for ever.
const PATIENCE: f64 = 600.0;
/// Our own statements mean quotes and backslashes as they are by default, whatever the server's settings say.
const OWN_MODE: &str = "SET SESSION sql_mode = REPLACE(REPLACE(@@SESSION.sql_mode, 'NO_BACKSLASH_ESCAPES', ''), \
                        'ANSI_QUOTES', '');\n";

/// Why the server did not do something.
#[derive(Debug, thiserror::Error)]
pub enum MysqlError {
    /// There is no client.
    #[error("neither mariadb nor mysql is on this machine: is the client of MySQL or MariaDB installed?")]
    NoClient,
    /// The client could not be run.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The file of options that is named cannot be read.
    #[error("{path}: {}: this file of options (default_file) is to say who asks", plain(.source))]
    Options {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The server said no, or can't be reached: its number and its words.
    #[error("MySQL Error {code}: {text}")]
    Said {
        /// The server's number.
        code: u32,
        /// Its words.
        text: String,
    },
    /// The client failed in another way.
    #[error("{0}")]
    Failed(String),
    /// What is asked for makes no sense.
    #[error("{0}")]
    Nonsense(String),
}

/// A server, and as whom it is asked; what is `None` is the client's own default.
#[derive(Clone, Default)]
pub struct Server {
    /// Host.
    pub host: Option<String>,
    /// Port.
    pub port: Option<i64>,
    /// Account.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// Socket.
    pub socket: Option<String>,
    /// The database that is connected to.
    pub database: Option<String>,
    /// A file of options that says the rest.
    pub default_file: Option<String>,
    /// Its section, beside `client`.
    pub default_group: Option<String>,
}

/// What statements gave: rows of each that has some.
pub type Results = Vec<Vec<Map>>;

impl Server {
    /// The same server, another database.
    pub fn on(&self, database: &str) -> Self {
        Self { database: Some(database.to_owned()), ..self.clone() }
    }

    /// Runs statements of ours and gives the rows of the last one that has some.
    pub fn rows(&self, sql: &str) -> Result<Vec<Map>, MysqlError> {
        Ok(self.run(&format!("{OWN_MODE}{sql}"))?.pop().unwrap_or_default())
    }

    /// Runs statements as they are.
    pub fn run(&self, sql: &str) -> Result<Results, MysqlError> {
        let search = std::env::var_os("PATH");
        let client = ["mariadb", "mysql"].iter().find_map(|name| which(name, search.as_deref()));
        let client = client.ok_or(MysqlError::NoClient)?;
        // The client would go on without one, as somebody else.
        if let Some(file) = &self.default_file {
            let opened = std::fs::File::open(Path::new("/").join(file));
            opened.map_err(|source| MysqlError::Options { path: file.clone(), source })?;
        }
        // No other file of options is read, whoever we are.
        let mut argv = vec![client.into_os_string(), format!("--defaults-file={HANDED}").into()];
        if let Some(group) = &self.default_group {
            argv.push(format!("--defaults-group-suffix={group}").into());
        }
        // In binary mode the client does not take lines of SQL for commands of its own, which could run programs.
        argv.extend(["--batch", "--xml", "--binary-mode", "--connect-timeout=10"].map(Into::into));
        let command = Command::argv(argv).c_locale().cwd("/").hand(self.options()).stdin(sql);
        let finished = command.timeout_seconds(PATIENCE).run()?;
        match (finished.timed_out, finished.cut, finished.status) {
            (true, ..) => Err(MysqlError::Failed(format!("no answer within {PATIENCE} seconds"))),
            (_, true, _) => Err(MysqlError::Failed("the answer is too long".to_owned())),
            (.., 0) => parse(&String::from_utf8_lossy(&finished.stdout)).map_err(MysqlError::Failed),
            _ => Err(said(&finished.err())),
        }
    }

    fn options(&self) -> String {
        let mut text = String::new();
        if let Some(file) = &self.default_file {
            text.push_str(&format!("!include {}\n", file.replace('\n', "")));
        }
        text.push_str("[mysql]\ndefault-character-set=utf8mb4\n[client]\n");
        let port = self.port.map(|port| port.to_string());
        let named = [("host", &self.host), ("port", &port), ("user", &self.user), ("password", &self.password)];
        for (option, value) in named.into_iter().chain([("socket", &self.socket)]) {
            if let Some(value) = value {
                text.push_str(&format!("{option}={}\n", option_value(value)));
            }
        }
        if let Some(database) = &self.database {
            text.push_str(&format!("[mysql]\ndatabase={}\n", option_value(database)));
        }
        text
    }
}

/// A value as a file of options writes it.
fn option_value(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

/// `ERROR 1045 (28000): Access denied`, `ERROR 1064 (42000) at line 2: ...`.
fn said(stderr: &str) -> MysqlError {
    let line = stderr.lines().find_map(|line| line.strip_prefix("ERROR ")).unwrap_or_default();
    let parsed = line.split_once(' ').and_then(|(code, rest)| {
        let text = rest.split_once("): ").map(|(_, text)| text).or_else(|| Some(rest.split_once(": ")?.1));
        Some(MysqlError::Said { code: code.parse().ok()?, text: text.unwrap_or(rest).to_owned() })
    });
    // Around its words the client may repeat the statement, which may hold what nobody else should see.
    let words = stderr.lines().find(|line| line.starts_with("ERROR"));
    parsed.unwrap_or_else(|| MysqlError::Failed(words.unwrap_or(stderr).to_owned()))
}

/// A name as SQL writes it.
pub fn name(text: &str) -> String {
    format!("`{}`", text.replace('`', "``"))
}

/// A text as SQL writes it.
pub fn literal(text: &str) -> String {
    let mut quoted = String::from("'");
    for letter in text.chars() {
        match letter {
            '\\' => quoted.push_str("\\\\"),
            '\'' => quoted.push_str("''"),
            '\0' => quoted.push_str("\\0"),
            other => quoted.push(other),
        }
    }
    quoted + "'"
}

/// What `mysql_native_password` keeps of a password.
pub fn native_hash(password: &str) -> String {
    let once = digest::of_bytes("sha1", password.as_bytes()).unwrap_or_default();
    format!("*{}", digest::hex_of_bytes("sha1", &once).unwrap_or_default().to_ascii_uppercase())
}

/// True for a text of that form.
pub fn is_native_hash(text: &str) -> bool {
    text.strip_prefix('*').is_some_and(|hex| hex.len() == 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_end_where_they_should() {
        assert_eq!(name("a`; drop"), "`a``; drop`");
        assert_eq!(literal("it's \\"), "'it''s \\\\'");
        assert_eq!(option_value("a\"b\\ #c"), "\"a\\\"b\\\\ #c\"");
    }

    /// `SELECT PASSWORD('secret')` of a server of version 10.11.
    #[test]
    fn hashes_are_the_servers() {
        assert_eq!(native_hash("secret"), "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7");
        assert!(is_native_hash(&native_hash("")) && !is_native_hash("*12") && !is_native_hash("secret"));
    }

    #[test]
    fn words_of_the_server_are_its_own() {
        let text = |stderr| said(stderr).to_string();
        assert_eq!(text("ERROR 1045 (28000): Access denied"), "MySQL Error 1045: Access denied");
        assert_eq!(text("ERROR 1064 (42000) at line 2: You: an error"), "MySQL Error 1064: You: an error");
        assert_eq!(text("ERROR 2002 (HY000): Can't connect"), "MySQL Error 2002: Can't connect");
        assert_eq!(text("mysql: unknown option"), "mysql: unknown option");
    }
}
