//! Debian packages: what dpkg has installed, what apt offers, and changing that.
//!
//! Reading goes to dpkg's own files, changing always through the programs. Where the files are is asked of apt's
//! configuration, so that `APT_CONFIG` (an image, a test) moves everything.

mod client;
mod index;
mod locate;
mod locks;
mod manager;
pub mod sources;
mod status;
pub mod version;

pub use client::Apt;
pub use locate::Places;
pub use locks::Locked;
pub use status::{Package, Want};
