//! Archives: what is in them, and bringing it out. No member of an archive ever leaves the directory it is unpacked into.

mod contents;
mod fault;
pub mod inside;
mod kind;
pub mod pack;
mod packed;
pub mod tar;
pub mod zip;

pub use contents::Contents;
pub use fault::ArchiveError;
pub use kind::Kind;
