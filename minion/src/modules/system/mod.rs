//! `system.*`: the name of this machine, its clock, and its end.

mod clock;
mod names;
mod power;

use fleet_common::args;

use crate::cx::Module;

/// What the module is for.
const DOC: &str = "The name of this machine, its clock, and its end.";

/// The parts of the module.
pub const MODULES: [&Module; 3] = [&clock::MODULE, &names::MODULE, &power::MODULE];

args! {
    /// No arguments.
    pub struct Nothing {}
}
