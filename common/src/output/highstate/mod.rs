//! `highstate`: state runs of minions, state by state in their order, each with a summary.
//!
//! `unwrap` finds the runs in what is printed, `host` prints one minion, `state` reads and prints one state,
//! `terse` prints one on a line, `changes` what it changed, `summary` the counts, `compress` joins names of one id.

mod changes;
mod compress;
mod host;
mod state;
mod summary;
mod terse;
mod unwrap;

pub(super) use unwrap::render;
