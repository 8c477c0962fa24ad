//! `saltutil.*`: running jobs, refreshed data, modules of the tree.

mod running;
mod sync;

use crate::cx::Module;

/// What the module is for.
const DOC: &str = "Running jobs, refreshed data, modules of the tree.";

/// The parts of the module.
pub const MODULES: [&Module; 2] = [&running::MODULE, &sync::MODULE];
