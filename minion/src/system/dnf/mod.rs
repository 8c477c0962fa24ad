//! RPM packages: what rpm has installed, what dnf offers, and changing that.
//!
//! Both programs work on this machine, or on a directory tree when a root is given.

mod client;
mod manager;
pub mod repos;
mod rpm;
mod transaction;
pub mod version;

pub use client::{Dnf, Places};
pub use rpm::{Altered, Details};
