//! PostgreSQL servers: roles, databases and what is in them, through the client `psql`.

mod database;
mod extension;
mod group;
mod privileges;
mod role;
mod schema;
mod tablespace;
mod user;

pub use database::STATE as DATABASE;
pub use extension::STATE as EXTENSION;
pub use group::STATE as GROUP;
pub use privileges::STATE as PRIVILEGES;
pub use schema::STATE as SCHEMA;
pub use tablespace::STATE as TABLESPACE;
pub use user::STATE as USER;

use super::Failure;
use crate::system::postgres::PostgresError;

impl From<PostgresError> for Failure {
    fn from(error: PostgresError) -> Self {
        Self::new(error.to_string())
    }
}

/// An `args!` struct with the arguments that say which server, and as whom, behind its own; `server()` gives it.
macro_rules! on_server {
    ($(#[doc = $doc:expr])* $vis:vis struct $name:ident { $($body:tt)* }) => {
        fleet_common::args! {
            $(#[doc = $doc])*
            $vis struct $name {
                $($body)*
                /// The account that runs the client; `postgres` by default.
                user: Option<String> = None,
                /// The database that is connected to.
                maintenance_db: Option<String> = None,
                /// The password of the role.
                db_password: Option<String> = None,
                /// Host of the server, or the directory of its socket.
                db_host: Option<String> = None,
                /// Its port.
                db_port: Option<i64> = None,
                /// The role that asks.
                db_user: Option<String> = None,
            }
        }
        impl $name {
            /// The server.
            fn server(&self) -> $crate::system::postgres::Server {
                $crate::system::postgres::Server {
                    runas: self.user.clone(),
                    host: self.db_host.clone(),
                    port: self.db_port,
                    user: self.db_user.clone(),
                    password: self.db_password.clone(),
                    database: self.maintenance_db.clone(),
                }
            }
        }
    };
}
pub(crate) use on_server;
