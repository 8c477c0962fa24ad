//! Harness, conformance runner, swarm and benchmarks.

pub mod census;
pub mod conformance;
pub mod harness;
pub mod stand_in;
