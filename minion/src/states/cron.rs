//! `cron.*`: timed commands of accounts.

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::file::{Check, fetched_text};
use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::cron::{Done, fields, identifier, put, put_env, take};
use crate::system::crontab::{self, Crontab, CrontabFault, Entry, When};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "cron",
    doc: "Timed commands of accounts.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A timed command.\n\nIt is found by its identifier, which is the command itself unless it is given. A time \
                  `random` is drawn once and stays.",
            example: "/usr/local/bin/backup: {cron.present: [{user: root}, {minute: random}, {hour: 2}, {identifier: backup}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "A timed command that is not there.",
            example: "/usr/local/bin/backup: {cron.absent: [{identifier: backup}]}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
        StateFunction {
            name: "env_present",
            doc: "A variable of a table.",
            example: "MAILTO: {cron.env_present: [{value: root}]}",
            args: EnvPresent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(EnvPresent::bind(f, a)?))),
        },
        StateFunction {
            name: "env_absent",
            doc: "A variable of a table that is not there.",
            example: "MAILTO: {cron.env_absent: []}",
            args: EnvAbsent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(EnvAbsent::bind(f, a)?))),
        },
        StateFunction {
            name: "file",
            doc: "A file that is the whole table of an account.",
            example: "salt://crontab: {cron.file: [{user: root}]}",
            args: File::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(File::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `cron.present`.
    pub struct Present {
        /// The command.
        name: String,
        /// The account.
        user: String = "root".to_owned(),
        /// Minute.
        minute: Value = Value::from("*"),
        /// Hour.
        hour: Value = Value::from("*"),
        /// Day of the month.
        daymonth: Value = Value::from("*"),
        /// Month.
        month: Value = Value::from("*"),
        /// Day of the week.
        dayweek: Value = Value::from("*"),
        /// Lines above it.
        comment: Option<String> = None,
        /// Switched off.
        commented: bool = false,
        /// What it is found by, whatever its command is.
        identifier: Value = Value::Bool(false),
        /// When, instead of a time (`@daily`).
        special: Option<String> = None,
    }
}

args! {
    /// Arguments of `cron.absent`.
    pub struct Absent {
        /// The command.
        name: String,
        /// The account.
        user: String = "root".to_owned(),
        /// What it is found by.
        identifier: Value = Value::Bool(false),
        /// When, instead of a time (`@daily`).
        special: Option<String> = None,
        /// Not used, so that a declaration of `cron.present` can be turned round.
        **kwargs: Map,
    }
}

args! {
    /// Arguments of `cron.env_present`.
    pub struct EnvPresent {
        /// The variable.
        name: String,
        /// Its value.
        value: Option<String> = None,
        /// The account.
        user: String = "root".to_owned(),
    }
}

args! {
    /// Arguments of `cron.env_absent`.
    pub struct EnvAbsent {
        /// The variable.
        name: String,
        /// The account.
        user: String = "root".to_owned(),
    }
}

args! {
    /// Arguments of `cron.file`.
    pub struct File {
        /// The file: `salt://` or a path.
        name: String,
        /// Its checksum, for a file that is not of the tree.
        source_hash: String = String::new(),
        /// Its name in a list of checksums, when it is another.
        source_hash_name: Option<String> = None,
        /// The account.
        user: String = "root".to_owned(),
        /// Template engine it is rendered by.
        template: Option<String> = None,
        /// Names for the template.
        context: Option<Map> = None,
        /// Whether a table that is there is replaced.
        replace: bool = true,
        /// Names for the template that `context` overrides.
        defaults: Option<Map> = None,
        /// Not used: a table has no former versions.
        backup: Value = Value::Null,
    }
}

/// A table as it should be; the comment and the changes that go with it.
#[derive(Debug)]
pub struct Todo {
    table: Crontab,
    user: String,
    did: Report,
}

/// A change of a table, planned: `what` is `Cron NAME` or `Cron env NAME`.
fn planned(
    user: &str,
    name: &str,
    what: &str,
    change: impl FnOnce(&mut Crontab) -> Done,
) -> Result<Plan<Todo>, Failure> {
    // An account without a table has an empty one; whether there is such an account shows when it is written.
    let mut table = Crontab::read(user).unwrap_or_default();
    let done = change(&mut table);
    let (would, did) = match done {
        Done::Present => return Ok(Plan::Nothing(Report::new(format!("{what} already present")))),
        Done::Absent => {
            let would = Report::new(format!("{what} is absent"));
            return Ok(Plan::Same { would, did: Report::new(format!("{what} already absent")) });
        }
        Done::New => ("added", format!("{what} added to {user}'s crontab")),
        Done::Updated => ("updated", format!("{what} updated")),
        Done::Removed => ("removed", format!("{what} removed from {user}'s crontab")),
    };
    let would = Report::new(format!("{what} is set to be {would}"));
    let did = Report::new(did).change(user, name);
    Ok(Plan::Change { todo: Todo { table, user: user.to_owned(), did }, would, did: Report::default() })
}

/// Writes the table. What the program refuses is said as the reference does.
fn write(todo: Todo, what: &str) -> Result<Applied, Failure> {
    todo.table.write(&todo.user).map_err(|fault| {
        let user = &todo.user;
        Failure::new(match fault {
            CrontabFault::Refused(said) => format!("{what} for user {user} failed to commit with error \n{said}"),
            other => format!("{what} for user {user}: {other}"),
        })
    })?;
    Ok(Applied::Really(todo.did))
}

impl State for Present {
    type Todo = Todo;
    fn plan(&self, _: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let when = match &self.special {
            Some(special) => When::Special(special.clone()),
            None => fields([&self.minute, &self.hour, &self.daymonth, &self.month, &self.dayweek]),
        };
        let name = self.name.trim();
        let named = identifier(&self.identifier).unwrap_or_else(|| name.to_owned());
        let entry = Entry {
            when,
            command: name.to_owned(),
            identifier: Some(named),
            comment: self.comment.clone().filter(|comment| !comment.is_empty()),
            off: self.commented,
        };
        planned(&self.user, name, &format!("Cron {name}"), |table| put(table, entry))
    }
    fn apply(&self, _: &Act, todo: Todo) -> Result<Applied, Failure> {
        write(todo, &format!("Cron {}", self.name.trim()))
    }
}

impl State for Absent {
    type Todo = Todo;
    fn plan(&self, _: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = self.name.trim();
        let named = identifier(&self.identifier).unwrap_or_else(|| name.to_owned());
        let what = format!("Cron {name}");
        planned(&self.user, name, &what, |table| take(table, name, Some(&named), self.special.as_deref()))
    }
    fn apply(&self, _: &Act, todo: Todo) -> Result<Applied, Failure> {
        write(todo, &format!("Cron {}", self.name.trim()))
    }
}

impl State for EnvPresent {
    type Todo = Todo;
    fn plan(&self, _: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let value = self.value.as_deref().unwrap_or_default();
        planned(&self.user, &self.name, &format!("Cron env {}", self.name), |table| {
            put_env(table, &self.name, Some(value))
        })
    }
    fn apply(&self, _: &Act, todo: Todo) -> Result<Applied, Failure> {
        write(todo, &format!("Cron env {}", self.name))
    }
}

impl State for EnvAbsent {
    type Todo = Todo;
    fn plan(&self, _: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let what = format!("Cron env {}", self.name);
        planned(&self.user, &self.name, &what, |table| put_env(table, &self.name, None))
    }
    fn apply(&self, _: &Act, todo: Todo) -> Result<Applied, Failure> {
        write(todo, &format!("Cron env {}", self.name))
    }
}

impl State for File {
    type Todo = String;
    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<String>, Failure> {
        let mut names = self.defaults.clone().unwrap_or_default();
        names.extend(self.context.clone().unwrap_or_default());
        let (hash, hash_name) = (Some(self.source_hash.as_str()), self.source_hash_name.as_deref());
        let check = Check { name: &self.name, hash, hash_name, ..Check::default() };
        let text = fetched_text(look, run, &self.name, &check, self.template.as_deref(), names)?;
        let old = crontab::read_text(&self.user).unwrap_or_default();
        if old == text || (!self.replace && !old.is_empty()) {
            return Ok(Plan::Nothing(Report::new(format!("Crontab for user {} is in the correct state", self.user))));
        }
        let diff = super::file::difference(old.as_bytes(), text.as_bytes());
        let would = Report::new(format!("The following values are set to be changed:\ndiff: {diff}\n"));
        let did = Report::new(format!("Crontab for user {} was updated", self.user)).change("diff", diff);
        Ok(Plan::Change { todo: text, would, did })
    }
    fn apply(&self, _: &Act, text: String) -> Result<Applied, Failure> {
        crontab::write_text(&self.user, &text)
            .map_err(|fault| Failure::new(format!("Crontab for user {} could not be written: {fault}", self.user)))?;
        Ok(Applied::AsPlanned)
    }
}
