//! Jobs that are not over: who is still owed one, who answered, and who wants to know.
//!
//! The ledger on disk is the store's; this is its living part. A job leaves memory when every target answered, or
//! some time after it expired; later returns find it in the store.

mod active;
mod follow;
mod ledger;

pub use active::{Active, Sign};
pub use follow::{Follow, FollowOptions};
pub use ledger::Jobs;
