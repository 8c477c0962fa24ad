//! `cron.*`: timed commands of accounts.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look, Module};
use crate::system::command::Command;
use crate::system::crontab::{self, Crontab, CrontabFault, Entry, When};

/// The module.
pub const MODULE: Module = Module {
    name: "cron",
    doc: "Timed commands of accounts.",
    functions: &[
        Function::reads("raw_cron", "The table of an account as it is.", "cron.raw_cron root", User::ROWS, raw),
        Function::reads(
            "list_tab",
            "The table of an account: what is not ours, commands, special ones, variables.",
            "cron.list_tab root",
            User::ROWS,
            |_, arguments| listed("cron.list_tab", arguments),
        ),
        Function::reads("ls", "The same as cron.list_tab.", "cron.ls root", User::ROWS, |_, arguments| {
            listed("cron.ls", arguments)
        }),
        Function::reads(
            "get_entry",
            "The entry with this identifier or command; false when there is none.",
            "cron.get_entry root identifier=backup",
            Get::ROWS,
            get_entry,
        ),
        Function::changes(
            "set_job",
            "Sets a timed command: new, updated or present.",
            "cron.set_job root '*' '*' '*' '*' 1 /usr/local/weekly",
            SetJob::ROWS,
            set_job,
        ),
        Function::changes(
            "set_special",
            "Sets a command that runs @daily or the like: new, updated or present.",
            "cron.set_special root @hourly 'echo hello'",
            SetSpecial::ROWS,
            set_special,
        ),
        Function::changes("rm", "The same as cron.rm_job.", "cron.rm root /usr/local/weekly", Remove::ROWS, |_, a| {
            remove_job("cron.rm", a)
        }),
        Function::changes(
            "rm_job",
            "Removes a timed command: removed or absent.",
            "cron.rm_job root /usr/local/weekly",
            Remove::ROWS,
            |_, arguments| remove_job("cron.rm_job", arguments),
        ),
        Function::changes(
            "rm_special",
            "Removes a command that runs @daily or the like: removed or absent.",
            "cron.rm_special root /usr/bin/foo",
            RemoveSpecial::ROWS,
            remove_special,
        ),
        Function::changes(
            "set_env",
            "Sets a variable of a table: new, updated or present.",
            "cron.set_env root MAILTO user@example.com",
            SetEnv::ROWS,
            set_env,
        ),
        Function::changes(
            "rm_env",
            "Removes a variable of a table: removed or absent.",
            "cron.rm_env root MAILTO",
            RemoveEnv::ROWS,
            remove_env,
        ),
        Function::changes(
            "write_cron_file",
            "Makes a file the table of an account.",
            "cron.write_cron_file root /tmp/new_cron",
            WriteFile::ROWS,
            |_, arguments| Ok((write_file("cron.write_cron_file", arguments)?.0 == 0).into()),
        ),
        Function::changes(
            "write_cron_file_verbose",
            "The same; returns what the program said.",
            "cron.write_cron_file_verbose root /tmp/new_cron",
            WriteFile::ROWS,
            |_, arguments| Ok(write_file("cron.write_cron_file_verbose", arguments)?.1.into()),
        ),
    ],
};

args! {
    /// An account.
    pub struct User {
        /// The account.
        user: String,
    }
}

args! {
    /// Arguments of `cron.get_entry`.
    pub struct Get {
        /// The account.
        user: String,
        /// What the entry is found by.
        identifier: Option<String> = None,
        /// Its command.
        cmd: Option<String> = None,
    }
}

args! {
    /// Arguments of `cron.set_job`.
    pub struct SetJob {
        /// The account.
        user: String,
        /// Minute.
        minute: Value,
        /// Hour.
        hour: Value,
        /// Day of the month.
        daymonth: Value,
        /// Month.
        month: Value,
        /// Day of the week.
        dayweek: Value,
        /// The command.
        cmd: String,
        /// Switched off.
        commented: bool = false,
        /// Lines above it.
        comment: Option<String> = None,
        /// What it is found by, whatever its command is.
        identifier: Option<String> = None,
    }
}

args! {
    /// Arguments of `cron.set_special`.
    pub struct SetSpecial {
        /// The account.
        user: String,
        /// When (`@daily`).
        special: String,
        /// The command.
        cmd: String,
        /// Switched off.
        commented: bool = false,
        /// Lines above it.
        comment: Option<String> = None,
        /// What it is found by, whatever its command is.
        identifier: Option<String> = None,
    }
}

args! {
    /// Arguments of `cron.rm_job`.
    pub struct Remove {
        /// The account.
        user: String,
        /// The command.
        cmd: String,
        /// Not used: a command is found by its identifier or itself.
        minute: Value = Value::Null,
        /// Not used.
        hour: Value = Value::Null,
        /// Not used.
        daymonth: Value = Value::Null,
        /// Not used.
        month: Value = Value::Null,
        /// Not used.
        dayweek: Value = Value::Null,
        /// What it is found by.
        identifier: Option<String> = None,
    }
}

args! {
    /// Arguments of `cron.rm_special`.
    pub struct RemoveSpecial {
        /// The account.
        user: String,
        /// The command.
        cmd: String,
        /// When (`@daily`).
        special: Option<String> = None,
        /// What it is found by.
        identifier: Option<String> = None,
    }
}

args! {
    /// Arguments of `cron.set_env`.
    pub struct SetEnv {
        /// The account.
        user: String,
        /// The variable.
        name: String,
        /// Its value.
        value: Option<String> = None,
    }
}

args! {
    /// Arguments of `cron.rm_env`.
    pub struct RemoveEnv {
        /// The account.
        user: String,
        /// The variable.
        name: String,
    }
}

args! {
    /// Arguments of `cron.write_cron_file`.
    pub struct WriteFile {
        /// The account.
        user: String,
        /// The file.
        path: String,
    }
}

impl From<CrontabFault> for CallError {
    fn from(fault: CrontabFault) -> Self {
        Self::Failed(fault.to_string())
    }
}

/// What came of setting something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It was not there.
    New,
    /// It was there and differed.
    Updated,
    /// It was there.
    Present,
    /// It was there and is not any more.
    Removed,
    /// It was not there.
    Absent,
}

impl Done {
    fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Updated => "updated",
            Self::Present => "present",
            Self::Removed => "removed",
            Self::Absent => "absent",
        }
    }
}

/// Sets an entry in a table that is written by the caller. A time `random` is drawn for a new entry and stays.
pub fn put(table: &mut Crontab, mut entry: Entry) -> Done {
    let old = table.entries.iter().find(|old| old.is(&entry.command, entry.identifier.as_deref())).cloned();
    settle_random(&mut entry.when, old.as_ref().map(|old| &old.when));
    match old {
        Some(old) if old == entry => Done::Present,
        Some(_) => {
            table.set(entry);
            Done::Updated
        }
        None => {
            table.set(entry);
            Done::New
        }
    }
}

fn settle_random(when: &mut When, old: Option<&When>) {
    let When::At(fields) = when else { return };
    // The first and the last value of each field.
    let ranges = [(0, 59), (0, 23), (1, 28), (1, 12), (0, 6)];
    for (index, field) in fields.iter_mut().enumerate().filter(|(_, field)| *field == "random") {
        let kept = match old {
            Some(When::At(old)) if old[index].parse::<u8>().is_ok() => Some(old[index].clone()),
            _ => None,
        };
        let (first, last) = ranges[index];
        *field = kept.unwrap_or_else(|| rand::random_range(first..=last).to_string());
    }
}

/// Takes an entry out of a table that is written by the caller.
pub fn take(table: &mut Crontab, command: &str, identifier: Option<&str>, special: Option<&str>) -> Done {
    let meant = |entry: &Entry| {
        let kind = match (&entry.when, special) {
            (When::Special(word), Some(special)) => word == special,
            (When::At(_), Some(_)) => false,
            _ => true,
        };
        kind && entry.is(command, identifier)
    };
    let before = table.entries.len();
    table.entries.retain(|entry| !meant(entry));
    if table.entries.len() < before { Done::Removed } else { Done::Absent }
}

/// Sets a variable of a table that is written by the caller; no value takes it out.
pub fn put_env(table: &mut Crontab, name: &str, value: Option<&str>) -> Done {
    let at = table.env.iter().position(|(known, _)| known == name);
    match (at, value) {
        (Some(at), Some(value)) if table.env[at].1 == value => Done::Present,
        (Some(at), Some(value)) => {
            value.clone_into(&mut table.env[at].1);
            Done::Updated
        }
        (None, Some(value)) => {
            table.env.push((name.to_owned(), value.to_owned()));
            Done::New
        }
        (Some(at), None) => {
            table.env.remove(at);
            Done::Removed
        }
        (None, None) => Done::Absent,
    }
}

/// The command named by an identifier or, with `false` or nothing, by itself.
pub fn identifier(given: &Value) -> Option<String> {
    given.truthy().then(|| str_(given))
}

/// The fields of a time as texts.
pub fn fields(given: [&Value; 5]) -> When {
    // YAML reads `*/5` as text and 5 as a number; cron knows names of days in small letters.
    When::At(given.map(|field| str_(field).to_lowercase()))
}

fn changed(user: &str, change: impl FnOnce(&mut Crontab) -> Done) -> CallResult {
    let mut table = Crontab::read(user)?;
    let done = change(&mut table);
    if !matches!(done, Done::Present | Done::Absent) {
        table.write(user)?;
    }
    Ok(done.word().into())
}

fn described(entry: &Entry) -> Map {
    let mut map = match &entry.when {
        When::At([minute, hour, daymonth, month, dayweek]) => Map::from_iter([
            ("minute", minute.as_str()),
            ("hour", hour.as_str()),
            ("daymonth", daymonth.as_str()),
            ("month", month.as_str()),
            ("dayweek", dayweek.as_str()),
        ]),
        When::Special(word) => Map::from_iter([("spec", word.as_str())]),
    };
    map.insert("identifier", entry.identifier.clone().map_or(Value::Null, Value::from));
    map.insert("cmd", entry.command.as_str());
    map.insert("comment", entry.comment.as_deref().unwrap_or_default());
    map.insert("commented", entry.off);
    map
}

fn raw(_: &Look, arguments: Arguments) -> CallResult {
    let user = User::bind("cron.raw_cron", arguments)?.user;
    Ok(crontab::read_text(&user)?.into())
}

fn listed(function: &str, arguments: Arguments) -> CallResult {
    let table = Crontab::read(&User::bind(function, arguments)?.user)?;
    let entries = |special: bool| -> Value {
        let fits = |entry: &&Entry| matches!(entry.when, When::Special(_)) == special;
        table.entries.iter().filter(fits).map(described).collect()
    };
    let env =
        table.env.iter().map(|(name, value)| Map::from_iter([("name", name.as_str()), ("value", value.as_str())]));
    Ok(Map::from_iter([
        ("pre", Value::from(table.before.clone())),
        ("crons", entries(false)),
        ("special", entries(true)),
        ("env", env.collect()),
    ])
    .into())
}

fn get_entry(_: &Look, arguments: Arguments) -> CallResult {
    let args = Get::bind("cron.get_entry", arguments)?;
    let table = Crontab::read(&args.user)?;
    let is = |entry: &&Entry| match (&args.identifier, &args.cmd) {
        (Some(wanted), _) => entry.identifier.as_ref() == Some(wanted),
        (None, Some(command)) => entry.command == *command,
        (None, None) => false,
    };
    Ok(table.entries.iter().find(is).map_or(Value::Bool(false), |entry| Value::Map(described(entry))).into())
}

fn set_job(_: &Act, arguments: Arguments) -> CallResult {
    let args = SetJob::bind("cron.set_job", arguments)?;
    let when = fields([&args.minute, &args.hour, &args.daymonth, &args.month, &args.dayweek]);
    let (comment, identifier, off) = (args.comment, args.identifier, args.commented);
    changed(&args.user, |table| put(table, Entry { when, command: args.cmd, identifier, comment, off }))
}

fn set_special(_: &Act, arguments: Arguments) -> CallResult {
    let args = SetSpecial::bind("cron.set_special", arguments)?;
    let (comment, identifier, off) = (args.comment, args.identifier, args.commented);
    let when = When::Special(args.special);
    changed(&args.user, |table| put(table, Entry { when, command: args.cmd, identifier, comment, off }))
}

fn remove_job(function: &str, arguments: Arguments) -> CallResult {
    let args = Remove::bind(function, arguments)?;
    changed(&args.user, |table| take(table, &args.cmd, args.identifier.as_deref(), None))
}

fn remove_special(_: &Act, arguments: Arguments) -> CallResult {
    let args = RemoveSpecial::bind("cron.rm_special", arguments)?;
    changed(&args.user, |table| take(table, &args.cmd, args.identifier.as_deref(), args.special.as_deref()))
}

fn set_env(_: &Act, arguments: Arguments) -> CallResult {
    let args = SetEnv::bind("cron.set_env", arguments)?;
    changed(&args.user, |table| put_env(table, &args.name, Some(args.value.as_deref().unwrap_or_default())))
}

fn remove_env(_: &Act, arguments: Arguments) -> CallResult {
    let args = RemoveEnv::bind("cron.rm_env", arguments)?;
    changed(&args.user, |table| put_env(table, &args.name, None))
}

/// Exit status of the program, and everything it said.
fn write_file(function: &str, arguments: Arguments) -> Result<(i32, Map), CallError> {
    let args = WriteFile::bind(function, arguments)?;
    let finished = Command::argv(["crontab", "-u", &args.user, &args.path]).c_locale().run();
    let finished = finished.map_err(|error| CallError::Failed(error.to_string()))?;
    let said = Map::from_iter([
        ("pid", Value::from(finished.pid)),
        ("retcode", Value::from(i64::from(finished.status))),
        ("stdout", finished.out().into()),
        ("stderr", finished.err().into()),
    ]);
    Ok((finished.status, said))
}
