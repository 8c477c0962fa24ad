//! Harness, conformance runner, lab and benchmarks.

pub mod campaign;
pub mod census;
pub mod conformance;
pub mod harness;
pub mod lab;
pub mod stand_in;
pub mod swarm;
