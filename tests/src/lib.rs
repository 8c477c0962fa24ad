//! Harness, conformance runner, lab and benchmarks.

mod arguments;
pub mod attack;
pub mod bench;
pub mod campaign;
pub mod census;
pub mod conformance;
pub mod fuzz;
pub mod harness;
pub mod lab;
pub mod paper;
pub mod stand_in;
pub mod swarm;

pub use arguments::arguments;
