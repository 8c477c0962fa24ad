//! `mount.*`: what is mounted, the table of what is mounted at start, and swap space.

mod cache;
mod table;

pub use table::{Change, Mount, compare, failed, is_meant, is_swap, mount, swap_on, unmount};

use crate::cx::Module;

/// What the module is for.
const DOC: &str = "What is mounted, the table of what is mounted at start, and swap space.";

/// The parts of the module.
pub const MODULES: [&Module; 2] = [&table::MODULE, &cache::MODULE];
