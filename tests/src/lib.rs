//! Harness, conformance runner, swarm and benchmarks.

pub mod conformance;
pub mod harness;
