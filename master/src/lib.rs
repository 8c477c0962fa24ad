//! The master: keys, jobs, returns, pillar and files for a fleet, and its command lines.

pub mod cli;
pub mod config;
pub mod keys;
pub mod store;
