//! Real masters and minions as processes in a temporary directory, on free ports of the loopback interface.
//!
//! Used by the demo, the end-to-end tests and the benchmarks. Everything started here is stopped on drop.

pub mod account;
mod disk;
mod fleet;
pub mod links;
mod machine;
mod process;
pub mod proxy;
pub mod raw;
mod reference;
mod skip;
pub mod web;

pub use disk::Disk;
pub use fleet::{Fleet, FleetOptions, Network};
pub use machine::{Machine, SYSTEM_STATES};
pub use process::{Finished, on_terminal, program, wait_until};
pub use reference::Reference;
pub use skip::skip;
