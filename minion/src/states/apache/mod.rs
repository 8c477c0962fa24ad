//! `apache_module.*`, `apache_site.*`, `apache_conf.*`, `apache.*`.

mod configfile;
mod enabled;

pub use configfile::STATE as CONFIGFILE;
pub use enabled::{CONF, MODULE, SITE};
