//! `apache.*`: the web server Apache, as Debian sets it up.

pub mod config;
pub mod enabled;
mod server;

use crate::cx::Module;

/// The parts of the module.
pub const MODULES: [&Module; 3] = [&config::MODULE, &enabled::MODULE, &server::MODULE];
