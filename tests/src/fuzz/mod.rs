//! Mutated inputs for everything that reads what others wrote: no panic, no hang, no growth of memory.
//!
//! Inputs follow from a seed, so a finding is repeated by its number.

mod archives;
mod disk;
mod language;
mod mutate;
mod rules;
mod run;
mod targets;
mod wire;

pub use run::{Report, Until, run};
pub use targets::{Target, targets};
