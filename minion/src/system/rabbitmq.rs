//! RabbitMQ through its own programs. Passwords go through their standard input: no process list shows them.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use fleet_common::value::json_dump::{JsonOptions, dumps};
use fleet_common::value::{Map, Value, json_load as json};

use super::command::{Command, CommandError, Finished, RunAs, which};

/// The account of the server: its programs talk to it only with what that account keeps.
const OWNER: &str = "rabbitmq";
/// Seconds until an answer is given up.
const PATIENCE: f64 = 600.0;
/// What `rabbitmqctl` ends with when a password is not the one, or data make no sense.
const WRONG_DATA: i32 = 65;
/// How long definitions may take to arrive in the server that took them.
const ARRIVAL: Duration = Duration::from_secs(300);
/// Until the server is asked again for definitions that have not arrived.
const PAUSE: Duration = Duration::from_millis(200);

/// Why the server did not do something.
#[derive(Debug, thiserror::Error)]
pub enum RabbitError {
    /// There are no programs.
    #[error("{0} is not on this machine: is RabbitMQ installed?")]
    Missing(&'static str),
    /// The program could not be run.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// It failed; what it said.
    #[error("RabbitMQ command failed: {0}")]
    Said(String),
    /// It said something else than was asked for.
    #[error("{0}: this is not what was asked for: {1}")]
    Unread(&'static str, String),
    /// A text that the programs can't take.
    #[error("{0}")]
    Nonsense(String),
}

/// What is said of an upstream of federation, by its names in the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream(pub Map);

impl Upstream {
    /// True if one of its addresses may hold a password.
    fn has_password(&self) -> bool {
        self.0.get("uri").is_some_and(|uri| dumps(uri, &JsonOptions::default()).contains('@'))
    }
}

/// The server of this machine, and who asks it.
#[derive(Debug, Clone, Default)]
pub struct Rabbit {
    /// The account that runs the programs.
    pub runas: Option<String>,
}

impl Rabbit {
    /// The server, asked by an account or, when none is named, by the server's own where we may become it.
    pub fn new(runas: Option<&str>) -> Self {
        Self { runas: runas.map(str::to_owned) }
    }

    /// Gives `rabbitmqctl` a command; what it wrote.
    pub fn ctl(&self, words: &[&str]) -> Result<String, RabbitError> {
        succeeded(&self.run(self.command("rabbitmqctl", words)?)?)
    }

    /// Gives `rabbitmqctl` a command that reads a password; what it wrote, without its prompt.
    pub fn ctl_with_password(&self, words: &[&str], password: &str) -> Result<String, RabbitError> {
        let command = self.command("rabbitmqctl", words)?.stdin(password_line(password)?);
        Ok(without_prompt(&succeeded(&self.run(command)?)?))
    }

    /// Gives `rabbitmq-plugins` a command; what it wrote.
    pub fn plugins(&self, words: &[&str]) -> Result<String, RabbitError> {
        succeeded(&self.run(self.command("rabbitmq-plugins", words)?)?)
    }

    /// True if this is the password of a user.
    pub fn is_password(&self, user: &str, password: &str) -> Result<bool, RabbitError> {
        let command = self.command("rabbitmqctl", &["authenticate_user", "--", user])?;
        let finished = self.run(command.stdin(password_line(password)?))?;
        // The same status says that there was nothing to read.
        if finished.status == WRONG_DATA && finished.err().contains("authenticate user") {
            return Ok(false);
        }
        succeeded(&finished).map(|_| true)
    }

    /// What a listing command gives: one mapping a row.
    pub fn rows(&self, words: &[&str]) -> Result<Vec<Map>, RabbitError> {
        let words: Vec<&str> = ["--quiet", "--formatter", "json"].iter().chain(words).copied().collect();
        read_rows(&self.ctl(&words)?)
    }

    /// Names of users with their tags.
    pub fn users(&self) -> Result<Vec<(String, Vec<String>)>, RabbitError> {
        let tags = |row: &Map| match row.get("tags") {
            Some(Value::List(tags)) => tags.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        Ok(self.rows(&["list_users"])?.iter().map(|row| (text(row, "user"), tags(row))).collect())
    }

    /// Names of virtual hosts.
    pub fn vhosts(&self) -> Result<Vec<String>, RabbitError> {
        Ok(self.rows(&["list_vhosts"])?.iter().map(|row| text(row, "name")).collect())
    }

    /// What a user may do, by virtual host: `configure`, `write` and `read`.
    pub fn user_permissions(&self, user: &str) -> Result<Map, RabbitError> {
        Ok(permissions(&self.rows(&["list_user_permissions", "--", user])?, "vhost"))
    }

    /// What may be done in a virtual host, by user.
    pub fn vhost_permissions(&self, vhost: &str) -> Result<Map, RabbitError> {
        Ok(permissions(&self.rows(&["list_permissions", "--vhost", vhost])?, "user"))
    }

    /// Policies of a virtual host by name: `pattern`, `apply_to`, `definition` (JSON), `priority` (a text).
    pub fn policies(&self, vhost: &str) -> Result<Map, RabbitError> {
        let policy = |row: &Map| {
            let parts = [
                ("pattern", text(row, "pattern")),
                ("apply_to", text(row, "apply-to")),
                ("definition", text(row, "definition")),
                ("priority", text(row, "priority")),
            ];
            (text(row, "name"), Value::Map(Map::from_iter(parts)))
        };
        Ok(self.rows(&["list_policies", "--vhost", vhost])?.iter().map(policy).collect())
    }

    /// Nodes of the cluster that this one is in, itself among them.
    pub fn cluster_nodes(&self) -> Result<Vec<String>, RabbitError> {
        let said = self.ctl(&["--quiet", "--formatter", "json", "cluster_status"])?;
        let unread = || RabbitError::Unread("rabbitmqctl", said.chars().take(200).collect());
        let cluster = json::parse(&said).map_err(|_| unread())?;
        let listed = |kind: &str| cluster.get(kind).and_then(Value::as_list).unwrap_or_default().iter();
        let names: Vec<String> =
            listed("disk_nodes").chain(listed("ram_nodes")).filter_map(Value::as_str).map(str::to_owned).collect();
        // A node is always in its own cluster.
        if names.is_empty() { Err(unread()) } else { Ok(names) }
    }

    /// Plugins that are there, enabled or not.
    pub fn available_plugins(&self) -> Result<Vec<String>, RabbitError> {
        self.plugin_names(&[])
    }

    /// Plugins that are enabled, by themselves or because another needs them.
    pub fn enabled_plugins(&self) -> Result<Vec<String>, RabbitError> {
        self.plugin_names(&["--implicitly-enabled"])
    }

    fn plugin_names(&self, which: &[&str]) -> Result<Vec<String>, RabbitError> {
        let words: Vec<&str> = ["list", "--quiet", "--minimal"].iter().chain(which).copied().collect();
        Ok(self.plugins(&words)?.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// Upstreams of federation by name, each as the JSON text that the server keeps.
    pub fn upstreams(&self) -> Result<Vec<(String, String)>, RabbitError> {
        let rows = self.rows(&["list_parameters"])?;
        let ours = rows.iter().filter(|row| text(row, "component") == "federation-upstream");
        Ok(ours.map(|row| (text(row, "name"), text(row, "value"))).collect())
    }

    /// Makes an upstream, or gives one other settings. Its address may hold a password: it goes through standard input.
    pub fn set_upstream(&self, name: &str, upstream: &Upstream) -> Result<(), RabbitError> {
        let parts = [
            ("vhost", Value::from("/")),
            ("component", "federation-upstream".into()),
            ("name", name.into()),
            ("value", Value::Map(upstream.0.clone())),
        ];
        let definitions = Map::from_iter([("parameters", Value::List(vec![Value::Map(Map::from_iter(parts))]))]);
        let input = dumps(&definitions.into(), &JsonOptions::default());
        let finished = self.run(self.command("rabbitmqctl", &["import_definitions"])?.stdin(input))?;
        succeeded(&finished).map_err(|error| match error {
            // What it says of an address that it does not like holds the address.
            RabbitError::Said(_) if upstream.has_password() => RabbitError::Said(format!(
                "the server refuses the upstream '{name}' in words that hold its address and password: check what is said of it"
            )),
            error => error,
        })?;
        // The program may end before the server has it.
        let deadline = Instant::now() + ARRIVAL;
        loop {
            let kept = self.upstreams()?.into_iter().find(|(known, _)| known == name);
            if kept.is_some_and(|(_, value)| is_upstream(&value, upstream)) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let why = format!("the server took the upstream '{name}' but does not have it: see its log for why");
                return Err(RabbitError::Said(why));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn run(&self, command: Command) -> Result<Finished, RabbitError> {
        Ok(command.run()?)
    }

    fn command(&self, program: &'static str, words: &[&str]) -> Result<Command, RabbitError> {
        if let Some(word) = words.iter().find(|word| word.contains('\0')) {
            return Err(RabbitError::Nonsense(format!("a text with a zero byte can't be given to RabbitMQ: {word:?}")));
        }
        let path = which(program, std::env::var_os("PATH").as_deref()).ok_or(RabbitError::Missing(program))?;
        let argv = std::iter::once(path.as_os_str()).chain(words.iter().map(OsStr::new));
        let command = Command::argv(argv).c_locale().cwd("/").timeout_seconds(PATIENCE);
        Ok(match self.identity(program)? {
            Some(identity) => command.run_as(identity),
            None => command,
        })
    }

    /// Debian's wrapper has a shell read the words of `rabbitmqctl` once more unless the server's own account runs it.
    /// `rabbitmq-plugins` writes below `/etc`, where that account may not everywhere.
    fn identity(&self, program: &str) -> Result<Option<RunAs>, RabbitError> {
        match self.runas.as_deref().filter(|name| !name.is_empty()) {
            Some(name) if name != "root" || !rustix::process::geteuid().is_root() => Ok(Some(RunAs::account(name)?)),
            _ if rustix::process::geteuid().is_root() && program == "rabbitmqctl" => Ok(RunAs::account(OWNER).ok()),
            _ => Ok(None),
        }
    }
}

/// True if an upstream as the server keeps it is the one that is meant.
pub fn is_upstream(kept: &str, wanted: &Upstream) -> bool {
    json::parse(kept).is_ok_and(|kept| kept == Value::Map(wanted.0.clone()))
}

/// A column of a row.
fn text(row: &Map, column: &str) -> String {
    match row.get(column) {
        Some(Value::Str(text)) => text.clone(),
        // Definitions are JSON in a text, or JSON itself, by version.
        Some(value) => dumps(value, &JsonOptions::default()),
        None => String::new(),
    }
}

fn permissions(rows: &[Map], by: &str) -> Map {
    let may = |row: &Map| Map::from_iter(["configure", "write", "read"].map(|what| (what, text(row, what))));
    rows.iter().map(|row| (text(row, by), Value::Map(may(row)))).collect()
}

fn read_rows(said: &str) -> Result<Vec<Map>, RabbitError> {
    let unread = || RabbitError::Unread("rabbitmqctl", said.chars().take(200).collect());
    match json::parse(said).map_err(|_| unread())? {
        Value::List(rows) => rows
            .into_iter()
            .map(|row| match row {
                Value::Map(row) => Ok(row),
                _ => Err(unread()),
            })
            .collect(),
        _ => Err(unread()),
    }
}

fn password_line(password: &str) -> Result<String, RabbitError> {
    if password.is_empty() || password.contains(['\n', '\r', '\0']) {
        return Err(RabbitError::Nonsense("a password of RabbitMQ is one line of text, and not empty".to_owned()));
    }
    Ok(format!("{password}\n"))
}

/// What a program wrote before and after it asked for a password.
fn without_prompt(said: &str) -> String {
    said.lines().filter(|line| line.trim() != "Password:").collect::<Vec<_>>().join("\n")
}

fn succeeded(finished: &Finished) -> Result<String, RabbitError> {
    if finished.status == 0 && !finished.timed_out && !finished.cut {
        return Ok(plain(finished.out().trim()));
    }
    let why = match (finished.timed_out, finished.cut) {
        (true, _) => format!("no answer within {PATIENCE} seconds"),
        (_, true) => "the answer is too long".to_owned(),
        _ => plain(finished.said().trim()),
    };
    Err(RabbitError::Said(if why.is_empty() { format!("it ended with status {}", finished.status) } else { why }))
}

/// A text without what makes it bold or coloured on a terminal: headings of Elixir's programs are, wherever they go.
fn plain(said: &str) -> String {
    let mut parts = said.split("\u{1b}[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        text.push_str(rest.strip_prefix('m').unwrap_or(rest));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_other_words_are_not() {
        let rows = read_rows("[\n{\"user\":\"a\",\"tags\":[\"x\"]}\n,{\"user\":\"b\",\"tags\":[]}\n]").unwrap();
        assert_eq!((rows.len(), text(&rows[1], "user").as_str()), (2, "b"));
        assert!(
            read_rows("Listing users ...\nuser\ttags").is_err()
                && read_rows("[1]").is_err()
                && read_rows("{}").is_err()
        );
    }

    #[test]
    fn passwords_are_one_line_and_prompts_are_dropped() {
        assert!(["", "a\nb", "a\0"].iter().all(|password| password_line(password).is_err()));
        assert_eq!(without_prompt("Adding user \"a\" ...\nPassword: \nDone."), "Adding user \"a\" ...\nDone.");
    }

    #[test]
    fn nothing_is_bold_or_coloured() {
        assert_eq!(plain("\u{1b}[1mRuntime\u{1b}[0m: 1\n\u{1b}[31;1mmm\u{1b}["), "Runtime: 1\nmm");
        assert_eq!(plain(""), "");
    }

    #[test]
    fn upstreams_are_compared_by_what_they_say() {
        let wanted = Upstream(Map::from_iter([("uri", Value::from("amqp://a")), ("max-hops", 2.into())]));
        assert!(is_upstream("{\"max-hops\":2,\"uri\":\"amqp://a\"}", &wanted));
        assert!(!is_upstream("{\"uri\":\"amqp://a\"}", &wanted) && !is_upstream("nonsense", &wanted));
    }
}
