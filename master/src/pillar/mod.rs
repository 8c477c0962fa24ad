//! Pillar for minions: each gets its own and nobody else's; kept until something it was made of changes.

mod cache;
mod compiler;
mod described;
mod watched;

pub use compiler::{Pillars, Wanted, visible};
