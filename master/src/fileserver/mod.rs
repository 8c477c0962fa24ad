//! State files for minions: checksums, manifests and content in parts, by a bounded number of threads.
//!
//! No request costs memory in proportion to a file: what is read for one is at most a part or a batch, and all that
//! waits to be sent comes out of one budget.

mod index;
mod manifest;
mod server;

pub(crate) use index::now;
pub use server::{FileServer, Held, Share};
