//! `disk.*`: how full file systems are, what they are, making and removing them. One table a subject; all have the module's name.

mod devices;
mod file_systems;

use crate::cx::Module;

/// What `sys.doc disk` says of the module.
const DOC: &str = "How full file systems are, what they are, making and removing them.";

/// The tables of the module.
pub const MODULES: [&Module; 2] = [&devices::MODULE, &file_systems::MODULE];
