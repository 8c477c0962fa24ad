//! `at.*`: commands that run once, at a time, through `at`.

mod queue;
mod table;

pub use queue::{Job, Order, add, jobs, remove};
pub use table::{Filter, MODULE};
