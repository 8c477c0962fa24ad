//! `ssh.*`: keys that may log in, keys of servers, keys of this machine and its users.

mod auth;
mod known;
mod own;
mod table;

pub use auth::{Status, config_or_default, declared, put, status, take};
pub use known::{Set, Wanted, forget, known, wanted};
pub use table::MODULE;
