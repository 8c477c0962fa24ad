//! Grains: what is known of this machine, under the names and in the shapes that trees match on.
//!
//! Collected from files of the kernel and of `/etc` only: no program is run and no DNS is asked, so a minion
//! starts at once on a machine without a network. Values that need either are absent or filled by their functions.

mod collect;
mod cpu;
mod custom;
mod disk;
mod memory;
mod network;
mod os;
mod process;
mod versions;
mod r#virtual;

pub use collect::{GrainSources, collect};
pub use custom::{GRAINS_FILE, load_file};
pub use network::full_name;
