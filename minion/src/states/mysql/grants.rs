//! `mysql_grants.*`: what accounts of a server of MySQL or MariaDB may.

use std::collections::BTreeSet;

use fleet_common::value::Value;

use crate::cx::{Act, Look};
use crate::modules::mysql::grant::{add, list, requires, revoke};
use crate::modules::mysql::grants::Grant;
use crate::modules::mysql::on_mysql;
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "mysql_grants",
    doc: "What accounts of a server of MySQL or MariaDB may.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "An account that may this; what else it may stays, unless `revoke_first`.",
            example: "larry reads: {mysql_grants.present: [{grant: 'select,show view'}, {database: shop.*}, {user: larry}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "An account that may not do this.",
            example: "larry writes: {mysql_grants.absent: [{grant: insert}, {database: shop.*}, {user: larry}]}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
    ],
};

on_mysql! {
    /// Arguments of `mysql_grants.present`.
    struct Present {
        /// What it is called in the result.
        name: String,
        /// Privileges, separated by commas.
        grant: Option<String> = None,
        /// On what: `*.*`, `database.*`, `database.table`.
        database: Option<String> = None,
        /// To whom.
        user: Option<String> = None,
        /// Where it comes from.
        host: String = "localhost".to_owned(),
        /// What is granted may be granted further.
        grant_option: bool = false,
        /// `_` and `%` in the name of the database stand for themselves.
        escape: bool = true,
        /// It may nothing else on the same object: what is too much is taken away after the grant.
        revoke_first: bool = false,
        /// What its connections must have: mappings of `SSL`, `X509`, `SUBJECT`, `ISSUER`, `CIPHER`. Set with the grant.
        ssl_option: Value = Value::Bool(false),
    }
}

on_mysql! {
    /// Arguments of `mysql_grants.absent`.
    struct Absent {
        /// What it is called in the result.
        name: String,
        /// Privileges, separated by commas.
        grant: Option<String> = None,
        /// On what: `*.*`, `database.*`, `database.table`.
        database: Option<String> = None,
        /// To whom.
        user: Option<String> = None,
        /// Where it comes from.
        host: String = "localhost".to_owned(),
        /// That it may be granted further is taken away, too.
        grant_option: bool = false,
        /// `_` and `%` in the name of the database stand for themselves.
        escape: bool = true,
    }
}

/// The three arguments that say it all, or which of them is missing.
fn said<'a>(
    grant: &'a Option<String>,
    database: &'a Option<String>,
    user: &'a Option<String>,
) -> Result<(&'a str, &'a str, &'a str), Failure> {
    let need = |name: &str| Failure::new(format!("mysql_grants needs the argument '{name}'"));
    let value = |value: &'a Option<String>, name: &str| value.as_deref().ok_or_else(|| need(name));
    Ok((value(grant, "grant")?, value(database, "database")?, value(user, "user")?))
}

/// What is to be done: a grant, and what is taken away after it.
struct Todo {
    grant: Grant,
    beyond: Option<Grant>,
}

impl State for Present {
    type Todo = Todo;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let (grant, database, user) = said(&self.grant, &self.database, &self.user)?;
        let wanted = Grant::wanted(grant, database, self.escape, self.grant_option)?;
        requires(&self.ssl_option)?;
        let listed = list(&self.server(look)?, user, &self.host)?;
        let (more, option) = if self.revoke_first { wanted.beyond(&listed) } else { (Vec::new(), false) };
        let text = format!("Grant {grant} on {database} to {user}@{}", self.host);
        if wanted.is_in(&listed) && more.is_empty() && !option {
            return Ok(Plan::Nothing(Report::new(format!("{text} is already present"))));
        }
        let privileges: BTreeSet<String> = more.into_iter().collect();
        let beyond = (!privileges.is_empty() || option).then(|| Grant { on: wanted.on.clone(), privileges, option });
        let changed = |text: String| Report::new(text).change(self.name.as_str(), "Present");
        Ok(Plan::Change {
            todo: Todo { grant: wanted, beyond },
            would: changed(format!("MySQL grant {} is set to be created", self.name)),
            did: changed(format!("{text} has been added")),
        })
    }

    fn apply(&self, act: &Act, Todo { grant, beyond }: Todo) -> Result<Applied, Failure> {
        let (text, database, user) = said(&self.grant, &self.database, &self.user)?;
        let (server, requires) = (self.server(act.look())?, requires(&self.ssl_option)?);
        let failed = |why| {
            let shown = format!("GRANT {text} ON {database} TO {user}@{}", self.host);
            Failure::new(format!("Failed to execute: \"{shown}\" ({why})"))
        };
        if let Some(beyond) = &beyond {
            // All of an object is no sum of privileges: it goes before, all else after, so that nothing is missed between.
            if beyond.privileges.contains("ALL PRIVILEGES") {
                revoke(act, &server, beyond, user, &self.host).map_err(failed)?;
            }
        }
        add(act, &server, &grant, user, &self.host, &requires).map_err(failed)?;
        if let Some(beyond) = beyond.filter(|beyond| !beyond.privileges.contains("ALL PRIVILEGES")) {
            revoke(act, &server, &beyond, user, &self.host).map_err(failed)?;
        }
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = Grant;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Grant>, Failure> {
        let (grant, database, user) = said(&self.grant, &self.database, &self.user)?;
        let listed = list(&self.server(look)?, user, &self.host)?;
        let unwanted = Grant::wanted(grant, database, self.escape, self.grant_option)?.held(&listed);
        let who = format!("{user}@{}", self.host);
        if unwanted.is_empty() {
            let text = format!("Grant {grant} on {database} to {who} is not present, so it cannot be revoked");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        let changed = |text: String| Report::new(text).change(self.name.as_str(), "Absent");
        Ok(Plan::Change {
            todo: unwanted,
            would: changed(format!("MySQL grant {} is set to be revoked", self.name)),
            did: changed(format!("Grant {grant} on {database} for {who} has been revoked")),
        })
    }

    fn apply(&self, act: &Act, unwanted: Grant) -> Result<Applied, Failure> {
        let (grant, database, user) = said(&self.grant, &self.database, &self.user)?;
        revoke(act, &self.server(act.look())?, &unwanted, user, &self.host).map_err(|why| {
            let who = format!("{user}@{}", self.host);
            Failure::new(format!("Unable to revoke grant {grant} on {database} for {who} ({why})"))
        })?;
        Ok(Applied::AsPlanned)
    }
}
