//! Harness, conformance runner, swarm and benchmarks.
