//! `ps.*`: processes, and figures of processors, memory and disks.

mod machine;
mod processes;

use crate::cx::Module;

/// What the module is for.
const DOC: &str = "Processes, and figures of processors, memory and disks.";

/// The parts of the module.
pub const MODULES: [&Module; 2] = [&processes::MODULE, &machine::MODULE];
