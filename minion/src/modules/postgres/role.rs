//! Roles of a server: users and groups are the same to it.

use std::fmt::Write;

use fleet_common::call::Function;
use fleet_common::value::{Map, Value};

use super::on_server;
use super::run::change;
use crate::cx::{Act, Module};
use crate::system::postgres::{PostgresError, Server, literal, name, text, truth};
use crate::system::postgres_password::{Method, is_of, kept};

/// The part of the module.
pub const MODULE: Module = Module {
    name: "postgres",
    doc: "PostgreSQL servers.",
    functions: &[
        Function::reads(
            "user_list",
            "The roles and what they may.",
            "postgres.user_list",
            Listed::ROWS,
            |_, arguments| {
                let args = Listed::bind("postgres.user_list", arguments)?;
                let roles = list(&args.server())?;
                Ok(roles
                    .iter()
                    .map(|role| (role.name.as_str(), role.shown(args.return_password)))
                    .collect::<Map>()
                    .into())
            },
        ),
        Function::reads(
            "user_exists",
            "True if there is a role.",
            "postgres.user_exists larry",
            One::ROWS,
            |_, arguments| {
                let args = One::bind("postgres.user_exists", arguments)?;
                Ok(find(&args.server(), &args.name)?.is_some().into())
            },
        ),
        Function::reads(
            "role_get",
            "What a role may; null for none.",
            "postgres.role_get larry",
            One::ROWS,
            |_, arguments| {
                let args = One::bind("postgres.role_get", arguments)?;
                Ok(find(&args.server(), &args.name)?.map_or(Value::Null, |role| role.shown(false).into()).into())
            },
        ),
        Function::changes(
            "user_remove",
            "Removes a role.",
            "postgres.user_remove larry",
            One::ROWS,
            |act, arguments| {
                let args = One::bind("postgres.user_remove", arguments)?;
                change(act, &args.server(), &format!("DROP ROLE {}", name(&args.name)))?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "group_remove",
            "Removes a role.",
            "postgres.group_remove staff",
            One::ROWS,
            |act, arguments| {
                let args = One::bind("postgres.group_remove", arguments)?;
                change(act, &args.server(), &format!("DROP ROLE {}", name(&args.name)))?;
                Ok(true.into())
            },
        ),
    ],
};

on_server! {
    /// Arguments of `postgres.user_list`.
    pub struct Listed {
        /// Give the hashes of the passwords, too.
        return_password: bool = false,
    }
}

on_server! {
    /// A role.
    pub struct One {
        /// Its name.
        name: String,
    }
}

/// A role as it is.
#[derive(Debug, Clone, Default)]
pub struct Role {
    name: String,
    superuser: bool,
    inherit: bool,
    createroles: bool,
    createdb: bool,
    login: bool,
    replication: bool,
    connections: i64,
    valid_until: String,
    password: String,
    groups: Vec<String>,
}

impl Role {
    fn shown(&self, with_password: bool) -> Map {
        let or_null = |empty: bool, value: Value| if empty { Value::Null } else { value };
        let mut shown = Map::from_iter([
            ("superuser", Value::from(self.superuser)),
            ("inherits privileges", self.inherit.into()),
            ("can create roles", self.createroles.into()),
            ("can create databases", self.createdb.into()),
            ("can update system catalogs", Value::Null),
            ("can login", self.login.into()),
            ("replication", self.replication.into()),
            ("connections", or_null(self.connections < 0, self.connections.into())),
            ("expiry time", or_null(self.valid_until.is_empty(), self.valid_until.as_str().into())),
            ("defaults variables", "".into()),
            ("groups", self.groups.iter().map(String::as_str).collect()),
        ]);
        if with_password {
            shown.insert("password", self.password.as_str());
        }
        shown
    }
}

/// All roles.
fn list(server: &Server) -> Result<Vec<Role>, PostgresError> {
    roles(server, "true")
}

/// One role.
pub fn find(server: &Server, wanted: &str) -> Result<Option<Role>, PostgresError> {
    Ok(roles(server, &format!("r.rolname = {}", literal(wanted)))?.pop())
}

fn roles(server: &Server, which: &str) -> Result<Vec<Role>, PostgresError> {
    // A role that may not see passwords gets all but them.
    let password = "CASE WHEN has_table_privilege('pg_catalog.pg_authid', 'SELECT') THEN \
                    (xpath('/row/p/text()', query_to_xml(format('SELECT rolpassword AS p FROM pg_catalog.pg_authid \
                    WHERE oid = %s', r.oid), false, true, '')))[1]::text ELSE '' END";
    let sql = format!(
        "SELECT r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, \
         r.rolconnlimit, r.rolvaliduntil, {password} AS password, \
         array_to_string(ARRAY(SELECT g.rolname FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g \
         ON m.roleid = g.oid WHERE m.member = r.oid ORDER BY 1), chr(1)) AS groups \
         FROM pg_catalog.pg_roles r WHERE {which} ORDER BY r.oid"
    );
    let role = |row: &Map| Role {
        name: text(row, "rolname").to_owned(),
        superuser: truth(row, "rolsuper"),
        inherit: truth(row, "rolinherit"),
        createroles: truth(row, "rolcreaterole"),
        createdb: truth(row, "rolcreatedb"),
        login: truth(row, "rolcanlogin"),
        replication: truth(row, "rolreplication"),
        connections: text(row, "rolconnlimit").parse().unwrap_or(-1),
        valid_until: text(row, "rolvaliduntil").to_owned(),
        password: text(row, "password").to_owned(),
        groups: text(row, "groups").split('\u{1}').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
    };
    Ok(server.rows(&sql)?.iter().map(role).collect())
}

/// What a role should be; what is `None` stays, or is the server's default.
#[derive(Clone, Default)]
pub struct Wanted {
    /// May everything.
    pub superuser: Option<bool>,
    /// Has what its groups may.
    pub inherit: Option<bool>,
    /// May make roles.
    pub createroles: Option<bool>,
    /// May make databases.
    pub createdb: Option<bool>,
    /// May connect.
    pub login: Option<bool>,
    /// May replicate.
    pub replication: Option<bool>,
    /// Its password, plain or as the server keeps it; empty for none.
    pub password: Option<String>,
    /// Set the password even if it is that already.
    pub refresh_password: bool,
    /// How the password is kept.
    pub method: Option<Method>,
    /// Until when the password counts, in the server's form.
    pub valid_until: Option<String>,
    /// Roles it is a member of; other memberships stay.
    pub groups: Vec<String>,
}

/// What differs: options of the role, and groups to join.
pub struct Difference {
    /// As the changes of a state show it: no secrets.
    pub shown: Map,
    options: String,
    groups: Vec<String>,
}

impl Wanted {
    fn truths(&self) -> [(&'static str, &'static str, Option<bool>); 6] {
        [
            ("superuser", "SUPERUSER", self.superuser),
            ("inherit", "INHERIT", self.inherit),
            ("createroles", "CREATEROLE", self.createroles),
            ("createdb", "CREATEDB", self.createdb),
            ("login", "LOGIN", self.login),
            ("replication", "REPLICATION", self.replication),
        ]
    }

    fn password_option(&self, role: &str, options: &mut String) {
        match self.password.as_deref() {
            None => {}
            Some("") => options.push_str(" PASSWORD NULL"),
            Some(password) => {
                let method = self.method.unwrap_or(Method::Scram);
                let _ = write!(options, " PASSWORD {}", literal(&kept(role, password, method)));
            }
        }
    }

    /// What differs from a role; `server` compares times.
    pub fn difference(&self, server: &Server, role: &Role) -> Result<Difference, PostgresError> {
        let (mut shown, mut options) = (Map::new(), String::new());
        let now = [role.superuser, role.inherit, role.createroles, role.createdb, role.login, role.replication];
        for ((key, word, wanted), now) in self.truths().into_iter().zip(now) {
            if let Some(wanted) = wanted.filter(|wanted| *wanted != now) {
                shown.insert(key, wanted);
                let _ = write!(options, " {}{word}", if wanted { "" } else { "NO" });
            }
        }
        let is_other = self.password.as_ref().is_some_and(|password| match password.as_str() {
            "" => !role.password.is_empty(),
            plain => self.refresh_password || !is_of(&role.password, &role.name, plain),
        });
        if is_other {
            shown.insert("password", true);
            self.password_option(&role.name, &mut options);
        }
        if let Some(until) = &self.valid_until {
            let same = "SELECT coalesce({now}::timestamptz = {until}::timestamptz, false)";
            let now = if role.valid_until.is_empty() { "NULL".to_owned() } else { literal(&role.valid_until) };
            let same = server.value(&same.replace("{now}", &now).replace("{until}", &literal(until)))?;
            if same.as_deref() != Some("t") {
                shown.insert("expiry time", until.as_str());
                let _ = write!(options, " VALID UNTIL {}", literal(until));
            }
        }
        let groups: Vec<String> = self.groups.iter().filter(|group| !role.groups.contains(group)).cloned().collect();
        if !groups.is_empty() {
            shown.insert("groups", groups.iter().map(String::as_str).collect::<Value>());
        }
        Ok(Difference { shown, options, groups })
    }

    /// Makes the role.
    pub fn create(&self, act: &Act, server: &Server, role: &str) -> Result<(), PostgresError> {
        let mut options = String::new();
        for (_, word, wanted) in self.truths() {
            if let Some(wanted) = wanted {
                let _ = write!(options, " {}{word}", if wanted { "" } else { "NO" });
            }
        }
        self.password_option(role, &mut options);
        if let Some(until) = &self.valid_until {
            let _ = write!(options, " VALID UNTIL {}", literal(until));
        }
        let sql = format!("BEGIN;\nCREATE ROLE {} WITH{options};\n{}COMMIT;\n", name(role), joins(role, &self.groups));
        change(act, server, &sql.replace(" WITH;", ";"))
    }
}

impl Difference {
    /// Brings the role to what it should be.
    pub fn apply(&self, act: &Act, server: &Server, role: &str) -> Result<(), PostgresError> {
        let alter = if self.options.is_empty() {
            String::new()
        } else {
            format!("ALTER ROLE {} WITH{};\n", name(role), self.options)
        };
        change(act, server, &format!("BEGIN;\n{alter}{}COMMIT;\n", joins(role, &self.groups)))
    }
}

fn joins(role: &str, groups: &[String]) -> String {
    groups.iter().map(|group| format!("GRANT {} TO {};\n", name(group), name(role))).collect()
}
