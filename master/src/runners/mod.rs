//! Runners: functions of the master itself, asked by `saltrun` over the API. One file each, its functions in one table.

mod cache;
mod config;
mod context;
mod doc;
mod fileserver;
mod health;
mod jobs;
mod known;
mod manage;
mod matching;
mod mine;
mod pillar;
mod registry;
mod salt;

pub use context::{Context, Module};
pub use registry::{find, functions};

/// All runners.
pub const RUNNERS: &[&Module] = &[
    &cache::MODULE,
    &config::MODULE,
    &doc::MODULE,
    &fileserver::MODULE,
    &jobs::MODULE,
    &manage::MODULE,
    &matching::MODULE,
    &mine::MODULE,
    &pillar::MODULE,
    &salt::MODULE,
];
