//! `postgres_user.*`: roles that connect to a PostgreSQL server.

use fleet_common::value::Value;

use super::{on_server, role};
use crate::cx::{Act, Look};
use crate::modules::postgres::role::Wanted;
use crate::states::{Applied, Failure, Plan, PlannedState, Run, State, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "postgres_user",
    doc: "Roles that connect to a PostgreSQL server.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A role with what is said of it; what is not said stays.",
            example: "larry: {postgres_user.present: [{password: '{{ pillar.password }}'}, {createdb: true}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "A role that is not there.",
            example: "larry: {postgres_user.absent: []}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
    ],
};

on_server! {
    /// Arguments of `postgres_user.present`.
    struct Present {
        /// The role.
        name: String,
        /// It may make databases.
        createdb: Option<bool> = None,
        /// It may make roles.
        createroles: Option<bool> = None,
        /// How its password is kept: true or `md5`, or `scram-sha-256`, the default.
        encrypted: Option<Value> = None,
        /// It may do everything.
        superuser: Option<bool> = None,
        /// It has what its groups may.
        inherit: Option<bool> = None,
        /// It may connect; a new one does unless told otherwise.
        login: Option<bool> = None,
        /// It may replicate.
        replication: Option<bool> = None,
        /// Its password, plain or hashed as the server keeps it; empty for none.
        password: Option<String> = None,
        /// The password of a new role; that of one that is there stays.
        default_password: Option<String> = None,
        /// Set the password even if it is that already.
        refresh_password: bool = false,
        /// Until when the password counts, as the server reads times.
        valid_until: Option<String> = None,
        /// Roles that it is a member of; other memberships stay.
        groups: Vec<String> = Vec::new(),
    }
}

on_server! {
    /// Arguments of `postgres_user.absent`.
    struct Absent {
        /// The role.
        name: String,
    }
}

impl Present {
    fn wanted(&self) -> Result<Wanted, Failure> {
        Ok(Wanted {
            superuser: self.superuser,
            inherit: self.inherit,
            createroles: self.createroles,
            createdb: self.createdb,
            login: self.login,
            replication: self.replication,
            password: self.password.clone(),
            refresh_password: self.refresh_password,
            method: role::method(self.encrypted.as_ref())?,
            valid_until: self.valid_until.clone(),
            groups: self.groups.clone(),
        })
    }
}

impl State for Present {
    type Todo = role::Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<role::Todo>, Failure> {
        role::present("user", &self.name, &self.server(), &self.wanted()?)
    }

    fn apply(&self, act: &Act, todo: role::Todo) -> Result<Applied, Failure> {
        let mut wanted = self.wanted()?;
        if matches!(todo, role::Todo::Create) {
            wanted.login = wanted.login.or(Some(true));
            wanted.password = wanted.password.or_else(|| self.default_password.clone());
        }
        role::apply(act, "user", &self.name, &self.server(), &wanted, todo)?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = role::Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<role::Todo>, Failure> {
        role::absent("user", &self.name, &self.server())
    }

    fn apply(&self, act: &Act, todo: role::Todo) -> Result<Applied, Failure> {
        role::apply(act, "user", &self.name, &self.server(), &Wanted::default(), todo)?;
        Ok(Applied::AsPlanned)
    }
}
