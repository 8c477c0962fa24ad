//! What master, minion and their command lines share. Knows no daemon.

pub mod call;
pub mod channel;
pub mod cli_args;
pub mod config;
pub mod crypto;
pub mod diag;
pub mod diff;
pub mod digest;
pub mod exit;
pub mod fault;
pub mod files;
pub mod functions;
pub mod ids;
pub mod log;
pub mod notify;
pub mod output;
pub mod pattern;
pub mod pillar;
pub mod proto;
pub mod render;
pub mod secret;
pub mod state;
pub mod target;
pub mod transport;
pub mod value;
pub mod yaml;
