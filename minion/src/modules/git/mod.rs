//! `git.*`: repositories, through the `git` program.

mod args;
mod change;
mod config;
mod how;
mod query;
mod table;

pub use change::{init_options, set_remote};
pub use config::{scope as config_scope, set as set_config};
pub use how::{How, failed};
pub use table::MODULE;
