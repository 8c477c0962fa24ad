//! `mysql.*`: servers of MySQL and MariaDB, through their client.

pub mod account;
pub mod connection;
pub mod database;
pub mod grant;
pub mod grants;
pub mod query;
pub mod server;
pub mod tables;

use fleet_common::call::CallError;

use crate::cx::Module;
use crate::system::mysql::MysqlError;

impl From<MysqlError> for CallError {
    fn from(error: MysqlError) -> Self {
        match error {
            MysqlError::Nonsense(why) => Self::Invocation(why),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// An `args!` struct with the arguments that say which server, and as whom, behind its own; `server()` gives it.
macro_rules! on_mysql {
    ($(#[doc = $doc:expr])* $vis:vis struct $name:ident { $($body:tt)* }) => {
        fleet_common::args! {
            $(#[doc = $doc])*
            $vis struct $name {
                $($body)*
                /// Host of the server.
                connection_host: Option<String> = None,
                /// Its port.
                connection_port: Option<i64> = None,
                /// The account that asks.
                connection_user: Option<String> = None,
                /// Its password.
                connection_pass: Option<String> = None,
                /// The database that is connected to.
                connection_db: Option<String> = None,
                /// The server's socket.
                connection_unix_socket: Option<String> = None,
                /// A file of options that says what is not said here.
                connection_default_file: Option<String> = None,
                /// Ending of the sections of that file that are read, beside `client`.
                connection_default_group: Option<String> = None,
                /// No effect: the connection speaks utf8mb4.
                connection_charset: Option<String> = None,
                /// No effect: values are texts.
                connection_conv: Option<fleet_common::value::Value> = None,
                /// No effect: values are Unicode.
                connection_use_unicode: Option<bool> = None,
            }
        }
        impl $name {
            /// The server; what is not said is in the configuration or pillar (`mysql.host` and so on).
            pub(crate) fn server(
                &self,
                facts: &dyn fleet_common::call::Facts,
            ) -> Result<$crate::system::mysql::Server, fleet_common::call::CallError> {
                $crate::modules::mysql::connection::complete(facts, $crate::system::mysql::Server {
                    host: self.connection_host.clone(),
                    port: self.connection_port,
                    user: self.connection_user.clone(),
                    password: self.connection_pass.clone(),
                    database: self.connection_db.clone(),
                    socket: self.connection_unix_socket.clone(),
                    default_file: self.connection_default_file.clone(),
                    default_group: self.connection_default_group.clone(),
                })
            }
        }
    };
}
pub(crate) use on_mysql;

/// The parts of the module.
pub const MODULES: [&Module; 6] =
    [&account::MODULE, &database::MODULE, &grant::MODULE, &query::MODULE, &server::MODULE, &tables::MODULE];
