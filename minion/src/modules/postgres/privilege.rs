//! What roles may do with the objects of a server.

use std::collections::{BTreeMap, BTreeSet};

use fleet_common::call::{CallError, Function};
use fleet_common::value::{Map, Value};

use super::on_server;
use super::run::change;
use crate::cx::{Act, Module};
use crate::system::postgres::{PostgresError, Server, literal, name, text, truth};

/// The part of the module.
pub const MODULE: Module = Module {
    name: "postgres",
    doc: "PostgreSQL servers.",
    functions: &[
        Function::reads(
            "privileges_list",
            "Who may do what with an object, and pass it on.",
            "postgres.privileges_list orders table maintenance_db=shop",
            Object::ROWS,
            |_, arguments| {
                let args = Object::bind("postgres.privileges_list", arguments)?;
                let on = On::new(&args.name, &args.object_type, &args.prepend)?;
                let all = on.granted(&args.server())?;
                if on.kind.is_group() {
                    let passes = |held: &Held| held.values().next().copied().unwrap_or_default();
                    return Ok(all
                        .iter()
                        .map(|(role, held)| (role.as_str(), Value::from(passes(held))))
                        .collect::<Map>()
                        .into());
                }
                let shown = |held: &Held| {
                    held.iter().map(|(word, passes)| (word.as_str(), Value::from(*passes))).collect::<Map>()
                };
                Ok(all.iter().map(|(role, held)| (role.as_str(), shown(held))).collect::<Map>().into())
            },
        ),
        Function::reads(
            "has_privileges",
            "True if a role was granted privileges on an object.",
            "postgres.has_privileges larry orders table SELECT,INSERT maintenance_db=shop",
            OfRole::ROWS,
            |_, arguments| {
                let args = OfRole::bind("postgres.has_privileges", arguments)?;
                let (on, asked) = args.parts()?;
                Ok(on.has(&args.server(), &args.name, &asked)?.into())
            },
        ),
        Function::changes(
            "privileges_grant",
            "Grants privileges on an object to a role.",
            "postgres.privileges_grant larry orders table SELECT,UPDATE maintenance_db=shop",
            OfRole::ROWS,
            |act, arguments| {
                let args = OfRole::bind("postgres.privileges_grant", arguments)?;
                let (on, asked) = args.parts()?;
                on.grant(act, &args.server(), &args.name, &asked)?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "privileges_revoke",
            "Takes privileges on an object from a role.",
            "postgres.privileges_revoke larry orders table SELECT maintenance_db=shop",
            OfRole::ROWS,
            |act, arguments| {
                let args = OfRole::bind("postgres.privileges_revoke", arguments)?;
                let (on, asked) = args.parts()?;
                on.revoke(act, &args.server(), &args.name, &asked)?;
                Ok(true.into())
            },
        ),
    ],
};

on_server! {
    /// An object.
    pub struct Object {
        /// Its name; a function with the types of its arguments.
        name: String,
        /// `table`, `sequence`, `schema`, `tablespace`, `language`, `database`, `group` or `function`.
        object_type: String,
        /// The schema of tables, sequences and functions.
        prepend: String = "public".to_owned(),
    }
}

on_server! {
    /// Privileges of a role on an object.
    pub struct OfRole {
        /// The role, or `public`.
        name: String,
        /// The object; `ALL` for all tables or sequences of the schema.
        object_name: String,
        /// `table`, `sequence`, `schema`, `tablespace`, `language`, `database`, `group` or `function`.
        object_type: String,
        /// Privileges, separated by commas, or `ALL`; none for groups.
        privileges: Option<Vec<String>> = None,
        /// The role may pass them on.
        grant_option: bool = false,
        /// The schema of tables, sequences and functions.
        prepend: String = "public".to_owned(),
    }
}

impl OfRole {
    fn parts(&self) -> Result<(On, Asked), CallError> {
        let on = On::new(&self.object_name, &self.object_type, &self.prepend)?;
        let asked = on.asked(self.privileges.as_deref().unwrap_or_default(), self.grant_option)?;
        Ok((on, asked))
    }
}

/// A kind of object: its word in SQL, the words of all its privileges.
struct Kind {
    word: &'static str,
    all: &'static [&'static str],
}

const KINDS: &[Kind] = &[
    Kind { word: "TABLE", all: &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"] },
    Kind { word: "SEQUENCE", all: &["USAGE", "SELECT", "UPDATE"] },
    Kind { word: "SCHEMA", all: &["CREATE", "USAGE"] },
    Kind { word: "TABLESPACE", all: &["CREATE"] },
    Kind { word: "LANGUAGE", all: &["USAGE"] },
    Kind { word: "DATABASE", all: &["CREATE", "CONNECT", "TEMPORARY"] },
    Kind { word: "FUNCTION", all: &["EXECUTE"] },
    Kind { word: "GROUP", all: &[] },
];

impl Kind {
    fn is_group(&self) -> bool {
        self.word == "GROUP"
    }
}

/// Privileges that a role has, each with whether it may pass it on.
type Held = BTreeMap<String, bool>;

/// An object.
pub struct On {
    kind: &'static Kind,
    object: String,
    schema: String,
}

/// Privileges that are asked for.
pub struct Asked {
    /// Their words; empty for groups.
    pub words: Vec<String>,
    passes: bool,
}

impl On {
    /// An object of a kind that is named.
    pub fn new(object: &str, kind: &str, schema: &str) -> Result<Self, CallError> {
        let kind = KINDS.iter().find(|known| known.word.eq_ignore_ascii_case(kind)).ok_or_else(|| {
            let known: Vec<String> = KINDS.iter().map(|kind| kind.word.to_ascii_lowercase()).collect();
            CallError::Invocation(format!("Invalid object_type: {kind} provided; there are {}", known.join(", ")))
        })?;
        Ok(Self { kind, object: object.to_owned(), schema: schema.to_owned() })
    }

    /// The privileges, if this kind of object has them.
    pub fn asked(&self, words: &[String], passes: bool) -> Result<Asked, CallError> {
        let upper: Vec<String> = words.iter().map(|word| word.trim().to_ascii_uppercase()).collect();
        let (words, kind) = (upper.iter().map(String::as_str), self.kind.word.to_ascii_lowercase());
        let mut out: Vec<String> = Vec::new();
        for word in words {
            match if word == "TEMP" { "TEMPORARY" } else { word } {
                "ALL" => out.extend(self.kind.all.iter().map(|word| (*word).to_owned())),
                known if self.kind.all.contains(&known) => out.push(known.to_owned()),
                other => {
                    let all = self.kind.all.join(", ");
                    let text = format!("Invalid privilege(s): {other} provided for object {kind}; it has {all}, ALL");
                    return Err(CallError::Invocation(text));
                }
            }
        }
        if out.is_empty() != self.kind.is_group() {
            let text = if out.is_empty() { "needs privileges" } else { "has no privileges, only members" };
            return Err(CallError::Invocation(format!("an object of kind {kind} {text}")));
        }
        Ok(Asked { words: out, passes })
    }

    /// How a person calls what is granted.
    pub fn named(&self, asked: &Asked) -> String {
        if asked.words.is_empty() { self.object.clone() } else { asked.words.join(",") }
    }

    fn is_all(&self) -> bool {
        self.object.eq_ignore_ascii_case("all") && matches!(self.kind.word, "TABLE" | "SEQUENCE")
    }

    /// SQL for rows of object, privileges of its list.
    fn lists(&self) -> String {
        let (object, schema) = (literal(&self.object), literal(&self.schema));
        let relations = |kinds: &str| {
            let which = if self.is_all() { "true".to_owned() } else { format!("c.relname = {object}") };
            format!(
                "SELECT c.oid, c.relacl AS acl FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
                 ON n.oid = c.relnamespace WHERE n.nspname = {schema} AND c.relkind IN ({kinds}) AND {which}"
            )
        };
        match self.kind.word {
            "TABLE" => relations("'r', 'v', 'm', 'f', 'p'"),
            "SEQUENCE" => relations("'S'"),
            "SCHEMA" => format!("SELECT oid, nspacl AS acl FROM pg_catalog.pg_namespace WHERE nspname = {object}"),
            "TABLESPACE" => format!("SELECT oid, spcacl AS acl FROM pg_catalog.pg_tablespace WHERE spcname = {object}"),
            "LANGUAGE" => format!("SELECT oid, lanacl AS acl FROM pg_catalog.pg_language WHERE lanname = {object}"),
            "DATABASE" => format!("SELECT oid, datacl AS acl FROM pg_catalog.pg_database WHERE datname = {object}"),
            _ => format!(
                "SELECT oid, proacl AS acl FROM pg_catalog.pg_proc WHERE oid = {}::regprocedure",
                literal(&format!("{}.{}", name(&self.schema), self.object))
            ),
        }
    }

    /// What each role was granted: on all the objects that are meant.
    fn granted(&self, server: &Server) -> Result<BTreeMap<String, Held>, PostgresError> {
        if self.kind.is_group() {
            let rows = server.rows(&format!(
                "SELECT r.rolname AS role, bool_or(m.admin_option) AS passes FROM pg_catalog.pg_auth_members m \
                 JOIN pg_catalog.pg_roles r ON r.oid = m.member JOIN pg_catalog.pg_roles g ON g.oid = m.roleid \
                 WHERE g.rolname = {} GROUP BY 1",
                literal(&self.object)
            ))?;
            let held = |row: &Map| (text(row, "role").to_owned(), Held::from([(String::new(), truth(row, "passes"))]));
            return Ok(rows.iter().map(held).collect());
        }
        let rows = server.rows(&format!(
            "WITH o AS ({}) SELECT coalesce(r.rolname, 'public') AS role, a.privilege_type AS word, \
             bool_and(a.is_grantable) AS passes, count(DISTINCT o.oid) = (SELECT count(*) FROM o) AS everywhere \
             FROM o, LATERAL aclexplode(o.acl) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee GROUP BY 1, 2",
            self.lists()
        ))?;
        let mut all: BTreeMap<String, Held> = BTreeMap::new();
        for row in rows.iter().filter(|row| truth(row, "everywhere")) {
            let held = all.entry(text(row, "role").to_owned()).or_default();
            held.insert(text(row, "word").to_owned(), truth(row, "passes"));
        }
        Ok(all)
    }

    /// True if the role was granted all that is asked for.
    pub fn has(&self, server: &Server, role: &str, asked: &Asked) -> Result<bool, PostgresError> {
        let all = self.granted(server)?;
        let Some(held) = all.get(role) else { return Ok(false) };
        let fits = |word: &str| held.get(word).is_some_and(|passes| *passes || !asked.passes);
        Ok(if asked.words.is_empty() { fits("") } else { asked.words.iter().all(|word| fits(word)) })
    }

    /// True if the role was granted any of it.
    pub fn has_any(&self, server: &Server, role: &str, asked: &Asked) -> Result<bool, PostgresError> {
        let all = self.granted(server)?;
        let held: BTreeSet<&str> = all.get(role).into_iter().flatten().map(|(word, _)| word.as_str()).collect();
        Ok(if asked.words.is_empty() {
            !held.is_empty()
        } else {
            asked.words.iter().any(|word| held.contains(word.as_str()))
        })
    }

    fn target(&self) -> String {
        match self.kind.word {
            word if self.is_all() => format!("ALL {word}S IN SCHEMA {}", name(&self.schema)),
            word @ ("TABLE" | "SEQUENCE") => format!("{word} {}.{}", name(&self.schema), name(&self.object)),
            // Its arguments are types, not names.
            "FUNCTION" => format!("FUNCTION {}.{}", name(&self.schema), self.object),
            word => format!("{word} {}", name(&self.object)),
        }
    }

    /// Grants it.
    pub fn grant(&self, act: &Act, server: &Server, role: &str, asked: &Asked) -> Result<(), CallError> {
        self.check()?;
        let to = grantee(role);
        let sql = if self.kind.is_group() {
            format!("GRANT {} TO {to}{};", name(&self.object), if asked.passes { " WITH ADMIN OPTION" } else { "" })
        } else {
            let option = if asked.passes { " WITH GRANT OPTION" } else { "" };
            format!("GRANT {} ON {} TO {to}{option};", asked.words.join(", "), self.target())
        };
        Ok(change(act, server, &sql)?)
    }

    /// Takes it away.
    pub fn revoke(&self, act: &Act, server: &Server, role: &str, asked: &Asked) -> Result<(), CallError> {
        self.check()?;
        let from = grantee(role);
        let sql = if self.kind.is_group() {
            format!("REVOKE {} FROM {from};", name(&self.object))
        } else {
            format!("REVOKE {} ON {} FROM {from};", asked.words.join(", "), self.target())
        };
        Ok(change(act, server, &sql)?)
    }

    /// A function is written as SQL: nothing but a name and types may stand there.
    fn check(&self) -> Result<(), CallError> {
        let harmless = |c: char| c.is_alphanumeric() || " _,()[]\".".contains(c);
        if self.kind.word == "FUNCTION" && !self.object.chars().all(harmless) {
            return Err(CallError::Invocation(format!(
                "'{}' is no function with types, as 'f(integer, text)'",
                self.object
            )));
        }
        Ok(())
    }
}

fn grantee(role: &str) -> String {
    if role == "public" { "PUBLIC".to_owned() } else { name(role) }
}
