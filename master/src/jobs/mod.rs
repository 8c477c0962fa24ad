//! Jobs that are not over: who is still owed one, who answered, and who wants to know.
//!
//! The ledger on disk is the store's; this is its living part. A job leaves memory when every target answered or was
//! given up ([`settle`]); later returns find it in the store.

mod active;
mod follow;
mod ledger;
mod settle;
#[cfg(test)]
mod tests;
mod view;

pub use active::{Active, Parts, Sign};
pub use follow::{Attached, Follow, FollowOptions, Past, Wait};
pub use ledger::{JobCounts, Jobs};
pub use view::{initial, targets};
