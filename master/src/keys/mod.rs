//! Minions' public keys: which are accepted, pending, rejected or denied.
//!
//! The files below the PKI directory are the truth ([`directory`]): operators may move them by hand, and the key
//! command works while the master is down. [`live`] is the running master's view of them. Knows nothing of sockets.

mod autosign;
mod directory;
mod live;
mod prepared;
mod tokens;

pub use autosign::Autosign;
pub use directory::{Directory, Folder, Judgement, KeyError, Shown};
pub use live::{Accepted, Claim, KeyPolicy, Keys, Stamp};
