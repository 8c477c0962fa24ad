//! Running functions: `quick` ones on a small pool inside the daemon, all others in a process of their own.
//!
//! A worker is this same binary started again under another name (`child`), in a session of its own so that it can be
//! ended with everything it started. `host` is the daemon's side. A crash, a leak or an endless loop costs that job only.

pub mod child;
mod frame;
pub mod host;
pub mod line;
mod quick;
#[cfg(test)]
pub(crate) mod tests;
mod through;

pub use quick::{Pool, PoolError};
pub use through::{Questions, Through};
