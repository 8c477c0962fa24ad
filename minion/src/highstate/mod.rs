//! Running compiled chunks on this machine: guards, retries, dry runs, the lock that keeps two runs apart.
//!
//! The compiler and the walk are `common::state`; states are `crate::states`. Only here is it known whether a run is dry.

mod aggregate;
mod guards;
mod lock;
mod mock;
mod queue;
mod retry;
mod runner;

pub use guards::{Guard, guarded};
pub use lock::{LockError, RunLock};
pub use mock::MockRunner;
pub use queue::Queue;
pub use runner::{MinionRunner, renew_pillar};
