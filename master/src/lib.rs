//! The master: keys, jobs, returns, pillar and files for a fleet, and its command lines.

pub mod acl;
pub mod api;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod fileserver;
pub mod grains;
pub mod health;
pub mod jobs;
pub mod keys;
mod master;
pub mod mine;
pub mod minions;
pub mod peers;
pub mod pillar;
pub mod publish;
pub mod renewal;
pub mod resolve;
pub mod returns;
pub mod runners;
pub mod server;
pub mod store;

pub use master::{Endpoints, Master, MasterError};
