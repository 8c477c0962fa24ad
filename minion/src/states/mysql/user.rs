//! `mysql_user.*`: accounts of a server of MySQL or MariaDB.

use crate::cx::{Act, Look};
use crate::modules::mysql::account::{Login, UNSAID, alter, create, find, refused, remove};
use crate::modules::mysql::on_mysql;
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "mysql_user",
    doc: "Accounts of a server of MySQL or MariaDB.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "An account with this password, or with none. The password is hashed here and never sent.",
            example: "larry: {mysql_user.present: [{host: '%'}, {password: '{{ pillar.password }}'}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "An account that is not there.",
            example: "larry: {mysql_user.absent: [{host: '%'}]}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
    ],
};

on_mysql! {
    /// Arguments of `mysql_user.present`.
    struct Present {
        /// The account's name.
        name: String,
        /// Where it comes from.
        host: String = "localhost".to_owned(),
        /// Its password.
        password: Option<String> = None,
        /// What the server keeps of its password: a star and 40 hexadecimal digits.
        password_hash: Option<String> = None,
        /// It has no password.
        allow_passwordless: bool = false,
        /// With `allow_passwordless`: it is known by the account of the operating system.
        unix_socket: bool = false,
        /// Refused.
        password_column: Option<String> = None,
        /// `mysql_native_password`; others are refused.
        auth_plugin: String = "mysql_native_password".to_owned(),
    }
}

on_mysql! {
    /// Arguments of `mysql_user.absent`.
    struct Absent {
        /// The account's name.
        name: String,
        /// Where it comes from.
        host: String = "localhost".to_owned(),
    }
}

impl Present {
    fn login(&self) -> Result<Login, Failure> {
        refused("mysql_user.present", self.password_column.as_ref(), &self.auth_plugin)?;
        let (password, hash) = (self.password.as_deref(), self.password_hash.as_deref());
        let login = Login::of(password, hash, self.allow_passwordless, self.unix_socket);
        login.ok_or_else(|| Failure::new(UNSAID))
    }
}

/// What is to be done.
enum Todo {
    Create,
    Alter,
}

impl State for Present {
    type Todo = Todo;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let who = format!("{}@{}", self.name, self.host);
        let login = self.login()?;
        let row = find(&self.server(look)?, &self.name, &self.host)?;
        let how = match login {
            Login::Hash(_) => "",
            Login::Nothing => " with passwordless login",
            Login::Socket => " with passwordless login using unix_socket",
        };
        let Some(row) = row else {
            let changed = |text: String| Report::new(text).change(self.name.as_str(), "Present");
            return Ok(Plan::Change {
                todo: Todo::Create,
                would: changed(format!("User {who} is set to be added{how}")),
                did: changed(format!("The user {who} has been added{how}")),
            });
        };
        if login.is_that_of(&row) {
            let how =
                if matches!(login, Login::Hash(_)) { " with the desired password" } else { " with passwordless login" };
            return Ok(Plan::Nothing(Report::new(format!("User {who} is already present{how}"))));
        }
        let verb = if matches!(login, Login::Hash(_)) { "changed" } else { "cleared" };
        let changed = |text: String| Report::new(text).change(self.name.as_str(), "Updated");
        Ok(Plan::Change {
            todo: Todo::Alter,
            would: changed(format!("Password for user {who} is set to be {verb}")),
            did: changed(format!("Password for user {who} has been {verb}")),
        })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let (server, login) = (self.server(act.look())?, self.login()?);
        let who = format!("{}@{}", self.name, self.host);
        let failed = |what: String| move |why| Failure::new(format!("Failed to {what} {who} ({why})"));
        match todo {
            Todo::Create => {
                create(act, &server, &self.name, &self.host, &login).map_err(failed("create user".into()))?
            }
            Todo::Alter => {
                let verb = if matches!(login, Login::Hash(_)) { "change" } else { "clear" };
                let what = format!("{verb} password for user");
                alter(act, &server, &self.name, &self.host, &login).map_err(failed(what))?;
            }
        }
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = ();

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let who = format!("{}@{}", self.name, self.host);
        if find(&self.server(look)?, &self.name, &self.host)?.is_none() {
            let text = format!("User {who} is not present, so it cannot be removed");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        let changed = |text: String| Report::new(text).change(self.name.as_str(), "Absent");
        Ok(Plan::Change {
            todo: (),
            would: changed(format!("User {who} is set to be removed")),
            did: changed(format!("User {who} has been removed")),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let done = remove(act, &self.server(act.look())?, &self.name, &self.host);
        done.map_err(|why| Failure::new(format!("Failed to remove user {}@{} ({why})", self.name, self.host)))?;
        Ok(Applied::AsPlanned)
    }
}
