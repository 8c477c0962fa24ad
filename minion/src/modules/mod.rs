//! Execution modules: one file each, its functions in one table.
//!
//! Functions without effect on a machine live in `fleet_common::functions`; a module may have some there and some here.

pub mod cmd;
pub mod environ;
pub mod file;
pub mod grains;
pub mod saltutil;
pub mod state;
pub mod sys;

use crate::cx::Module;

/// All modules. A name may occur twice (a large module is several files) but no function may.
pub const MODULES: &[&[&Module]] = &[
    &[&cmd::MODULE, &environ::MODULE, &grains::MODULE, &saltutil::MODULE, &state::MODULE, &sys::MODULE],
    &file::MODULES,
];
