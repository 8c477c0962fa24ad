//! Accounts of a server.

use fleet_common::call::{CallError, Function};
use fleet_common::value::{Map, Value};

use super::connection::{change, text};
use super::on_mysql;
use crate::cx::{Act, Module};
use crate::system::mysql::{MysqlError, Server, is_native_hash, literal, native_hash};

/// Columns of the server's table of accounts that hold what is kept of a password.
const KEPT: [&str; 2] = ["authentication_string", "Password"];
/// Plugins that know an account by the one of the operating system.
const SOCKETS: [&str; 2] = ["unix_socket", "auth_socket"];
const NATIVE: &str = "mysql_native_password";

/// The part of the module.
pub const MODULE: Module = Module {
    name: "mysql",
    doc: "Servers of MySQL and MariaDB.",
    functions: &[
        Function::reads(
            "user_list",
            "The accounts.",
            "mysql.user_list",
            super::server::Any::ROWS,
            |look, arguments| {
                let server = super::server::Any::bind("mysql.user_list", arguments)?.server(look)?;
                Ok(server
                    .rows("SELECT User, Host FROM mysql.user;")?
                    .into_iter()
                    .map(Value::Map)
                    .collect::<Value>()
                    .into())
            },
        ),
        Function::reads(
            "user_info",
            "What the server's table says of an account, without its password; null for none.",
            "mysql.user_info larry localhost",
            One::ROWS,
            |look, arguments| {
                let args = One::bind("mysql.user_info", arguments)?;
                let mut row = find(&args.server(look)?, &args.user, &args.host)?;
                for column in KEPT {
                    row.as_mut().and_then(|row| row.remove(column));
                }
                Ok(row.map_or(Value::Null, Value::Map).into())
            },
        ),
        Function::reads(
            "user_exists",
            "True if there is an account, and if it has this password when one is given.",
            "mysql.user_exists larry localhost",
            Asked::ROWS,
            |look, arguments| {
                let args = Asked::bind("mysql.user_exists", arguments)?;
                refused("mysql.user_exists", args.password_column.as_ref(), NATIVE)?;
                let Some(row) = find(&args.server(look)?, &args.user, &args.host)? else { return Ok(false.into()) };
                let (password, hash) = (args.password.as_deref(), args.password_hash.as_deref());
                let wanted = Login::of(password, hash, args.passwordless, args.unix_socket);
                Ok(wanted.is_none_or(|wanted| wanted.is_that_of(&row)).into())
            },
        ),
        Function::changes(
            "user_create",
            "Makes an account.",
            "mysql.user_create larry localhost password_hash='*14E65567ABDB5135D0CFD9A70B3032C179A49EE7'",
            Made::ROWS,
            |act, arguments| {
                let args = Made::bind("mysql.user_create", arguments)?;
                refused("mysql.user_create", args.password_column.as_ref(), &args.auth_plugin)?;
                let (password, hash) = (args.password.as_deref(), args.password_hash.as_deref());
                let login = Login::of(password, hash, args.allow_passwordless, args.unix_socket).ok_or_else(unsaid)?;
                create(act, &args.server(act.look())?, &args.user, &args.host, &login)?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "user_chpass",
            "Gives an account another password.",
            "mysql.user_chpass larry localhost password_hash='*14E65567ABDB5135D0CFD9A70B3032C179A49EE7'",
            Changed::ROWS,
            |act, arguments| {
                let args = Changed::bind("mysql.user_chpass", arguments)?;
                refused("mysql.user_chpass", args.password_column.as_ref(), NATIVE)?;
                let (password, hash) = (args.password.as_deref(), args.password_hash.as_deref());
                let login = Login::of(password, hash, args.allow_passwordless, args.unix_socket.unwrap_or(false));
                let login = login.ok_or_else(unsaid)?;
                alter(act, &args.server(act.look())?, &args.user, &args.host, &login)?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "user_remove",
            "Removes an account.",
            "mysql.user_remove larry localhost",
            One::ROWS,
            |act, arguments| {
                let args = One::bind("mysql.user_remove", arguments)?;
                remove(act, &args.server(act.look())?, &args.user, &args.host)?;
                Ok(true.into())
            },
        ),
        Function::reads(
            "verify_login",
            "True if the server lets somebody in with this name and password.",
            "mysql.verify_login larry",
            Tried::ROWS,
            |look, arguments| {
                let args = Tried::bind("mysql.verify_login", arguments)?;
                let server =
                    Server { user: Some(args.user.clone()), password: args.password.clone(), ..args.server(look)? };
                match server.rows("SELECT 1;") {
                    Ok(_) => Ok(true.into()),
                    // Access denied, as the server says it for each kind of account.
                    Err(MysqlError::Said { code: 1045 | 1698 | 1044, .. }) => Ok(false.into()),
                    Err(error) => Err(error.into()),
                }
            },
        ),
    ],
};

on_mysql! {
    /// An account.
    pub struct One {
        /// Its name.
        user: String,
        /// Where it comes from.
        host: String = "localhost".to_owned(),
    }
}

on_mysql! {
    /// Arguments of `mysql.user_exists`.
    pub struct Asked {
        /// Its name.
        user: String,
        /// Where it comes from.
        host: String = "localhost".to_owned(),
        /// Its password.
        password: Option<String> = None,
        /// What the server keeps of its password.
        password_hash: Option<String> = None,
        /// It has no password.
        passwordless: bool = false,
        /// It is known by the account of the operating system.
        unix_socket: bool = false,
        /// Refused.
        password_column: Option<String> = None,
    }
}

on_mysql! {
    /// Arguments of `mysql.user_create`.
    pub struct Made {
        /// Its name.
        user: String,
        /// Where it comes from.
        host: String = "localhost".to_owned(),
        /// Its password; hashed on the minion.
        password: Option<String> = None,
        /// What the server is to keep of its password.
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
    /// Arguments of `mysql.user_chpass`.
    pub struct Changed {
        /// Its name.
        user: String,
        /// Where it comes from.
        host: String = "localhost".to_owned(),
        /// Its password; hashed on the minion.
        password: Option<String> = None,
        /// What the server is to keep of its password.
        password_hash: Option<String> = None,
        /// It has no password.
        allow_passwordless: bool = false,
        /// With `allow_passwordless`: it is known by the account of the operating system.
        unix_socket: Option<bool> = None,
        /// Refused.
        password_column: Option<String> = None,
    }
}

on_mysql! {
    /// Arguments of `mysql.verify_login`.
    pub struct Tried {
        /// The name.
        user: String,
        /// The password.
        password: Option<String> = None,
    }
}

/// What of the reference is not built.
pub fn refused(function: &str, column: Option<&String>, plugin: &str) -> Result<(), CallError> {
    match (column, plugin) {
        (Some(_), _) => Err(CallError::Unsupported(format!("'password_column' of {function}"))),
        (None, NATIVE) => Ok(()),
        (None, other) => Err(CallError::Unsupported(format!("the auth_plugin '{other}' of {function}"))),
    }
}

fn unsaid() -> CallError {
    CallError::Invocation(UNSAID.to_owned())
}

/// What is said when nothing says how an account is known.
pub const UNSAID: &str = "Either password or password_hash must be specified, unless allow_passwordless is True";

/// How an account is known.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// By a password: what the server keeps of it.
    Hash(String),
    /// By nothing.
    Nothing,
    /// By the account of the operating system.
    Socket,
}

impl Login {
    /// What the arguments say; a password counts before a hash, and both before having none.
    pub fn of(password: Option<&str>, hash: Option<&str>, passwordless: bool, socket: bool) -> Option<Self> {
        let given = |text: &&str| !text.is_empty();
        match (password.filter(given), hash.filter(given)) {
            (Some(password), _) => Some(Self::Hash(native_hash(password))),
            (None, Some(hash)) => Some(Self::Hash(hash.to_owned())),
            (None, None) if passwordless => Some(if socket { Self::Socket } else { Self::Nothing }),
            (None, None) => None,
        }
    }

    /// True if an account is known that way.
    pub fn is_that_of(&self, row: &Map) -> bool {
        let plugin = text(row, "plugin");
        let kept = KEPT.iter().map(|column| text(row, column)).find(|kept| !kept.is_empty()).unwrap_or_default();
        match self {
            Self::Hash(hash) => kept.eq_ignore_ascii_case(hash) && !SOCKETS.contains(&plugin),
            Self::Nothing => kept.is_empty() || SOCKETS.contains(&plugin),
            Self::Socket => SOCKETS.contains(&plugin),
        }
    }

    fn sql(&self, server: &Server) -> Result<String, MysqlError> {
        let with = |kept: &str| format!("IDENTIFIED WITH {NATIVE} AS {}", literal(kept));
        match self {
            Self::Hash(hash) if !is_native_hash(hash) => {
                Err(MysqlError::Nonsense(format!("a password hash of {NATIVE} is a star and 40 hexadecimal digits")))
            }
            Self::Hash(hash) => Ok(with(hash)),
            Self::Nothing => Ok(with("")),
            Self::Socket => {
                let is_mariadb = super::server::version(server)?.contains("MariaDB");
                Ok(format!("IDENTIFIED WITH {}", if is_mariadb { SOCKETS[0] } else { SOCKETS[1] }))
            }
        }
    }
}

/// An account as SQL writes it.
pub fn account(user: &str, host: &str) -> String {
    format!("{}@{}", literal(user), literal(host))
}

/// What the server's table says of an account.
pub fn find(server: &Server, user: &str, host: &str) -> Result<Option<Map>, MysqlError> {
    let (user, host) = (literal(user), literal(host));
    let sql = format!("SELECT * FROM mysql.user WHERE BINARY User = {user} AND Host = {host};");
    Ok(server.rows(&sql)?.pop())
}

/// Makes an account.
pub fn create(act: &Act, server: &Server, user: &str, host: &str, login: &Login) -> Result<(), MysqlError> {
    change(act, server, &format!("CREATE USER {} {};", account(user, host), login.sql(server)?))
}

/// Has an account known another way.
pub fn alter(act: &Act, server: &Server, user: &str, host: &str, login: &Login) -> Result<(), MysqlError> {
    change(act, server, &format!("ALTER USER {} {};", account(user, host), login.sql(server)?))
}

/// Removes an account.
pub fn remove(act: &Act, server: &Server, user: &str, host: &str) -> Result<(), MysqlError> {
    change(act, server, &format!("DROP USER {};", account(user, host)))
}
