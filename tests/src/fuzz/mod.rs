//! Mutated inputs for everything that reads what others wrote: no panic, no hang, no growth of memory.
//!
//! Inputs follow from a seed, so a finding is repeated by its number.

mod mutate;
mod run;
mod targets;

pub use run::{Report, Until, run};
pub use targets::{TARGETS, Target};
