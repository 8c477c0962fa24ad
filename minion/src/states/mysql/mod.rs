//! `mysql_user.*`, `mysql_database.*`, `mysql_grants.*`, `mysql_query.*`.

mod database;
mod grants;
mod query;
mod user;

pub use database::STATE as DATABASE;
pub use grants::STATE as GRANTS;
pub use query::STATE as QUERY;
pub use user::STATE as USER;

use super::Failure;
use crate::system::mysql::MysqlError;

impl From<MysqlError> for Failure {
    fn from(error: MysqlError) -> Self {
        Self::new(error.to_string())
    }
}
