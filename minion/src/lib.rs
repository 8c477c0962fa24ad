//! The minion: verifies and runs jobs, keeps their returns until the master has them, applies states.

pub mod cli;
pub mod cx;
pub mod files;
pub mod foreground;
pub mod grains;
pub mod journal;
pub mod masterless;
pub mod modules;
pub mod outcome;
pub mod registry;
pub mod states;
pub mod system;
pub mod worker;
