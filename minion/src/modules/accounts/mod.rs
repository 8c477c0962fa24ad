//! `user.*`, `group.*` and `shadow.*`: accounts, groups and passwords.

mod change;
pub mod group;
mod info;
mod passwords;
mod tables;

pub use change::{Add, Comment, add, delete, set_comment, usermod};
pub use info::described;
pub use passwords::{default_hash, described as described_shadow, random_hash};
pub use tables::{GROUP, SHADOW, USER};
