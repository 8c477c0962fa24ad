//! Which server is asked, and as whom: arguments, then the minion's configuration, then its pillar.

use fleet_common::call::{CallError, Facts, FromValue};
use fleet_common::value::{Map, Value};

use crate::cx::Act;
use crate::system::mysql::{MysqlError, Server};

/// A server with what its arguments do not say.
pub fn complete(facts: &dyn Facts, server: Server) -> Result<Server, CallError> {
    let (opts, pillar) = (facts.opts(), facts.pillar());
    let from = Source { opts: &opts, pillar: &pillar };
    // A socket that is configured does not count for a host that is asked for, and the other way round.
    let (named, placed) = (server.host.is_some(), server.socket.is_some());
    Ok(Server {
        host: if placed { server.host } else { from.or(server.host, "host")? },
        socket: if named { server.socket } else { from.or(server.socket, "unix_socket")? },
        port: from.or(server.port, "port")?,
        user: from.or(server.user, "user")?,
        password: from.or(server.password, "pass")?,
        database: from.or(server.database, "db")?,
        default_file: from.or(server.default_file, "default_file")?,
        default_group: from.or(server.default_group, "default_group")?,
    })
}

struct Source<'s> {
    opts: &'s Map,
    pillar: &'s Map,
}

impl Source<'_> {
    fn or<T: FromValue>(&self, given: Option<T>, key: &str) -> Result<Option<T>, CallError> {
        if given.is_some() {
            return Ok(given);
        }
        let name = format!("mysql.{key}");
        let master = self.pillar.get("master").and_then(Value::as_map);
        let sources = [Some(self.opts), Some(self.pillar), master];
        let Some(value) = sources.into_iter().flatten().find_map(|source| source.get(&name)) else { return Ok(None) };
        // The value is not shown: it may be a password.
        Option::from_value(value.clone())
            .map_err(|_| CallError::Invocation(format!("the setting '{name}' must be {}", T::KIND)))
    }
}

/// Runs statements of ours that change something.
pub fn change(_act: &Act, server: &Server, sql: &str) -> Result<(), MysqlError> {
    server.rows(sql).map(drop)
}

/// A column of a row as text; empty for none.
pub fn text<'r>(row: &'r Map, column: &str) -> &'r str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}
