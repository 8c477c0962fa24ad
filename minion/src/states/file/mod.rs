//! `file.*`: files, directories and links as they should be. One file a function (or a pair that shares all its code).

mod absent;
mod accumulated;
mod append;
pub(crate) mod backup;
mod blockreplace;
mod cached;
mod comment;
mod contents;
mod copy;
mod decode;
mod difference;
mod directory;
mod exists;
mod hardlink;
mod keyvalue;
mod line;
pub(crate) mod managed;
mod mknod;
mod names;
mod owner;
mod patch;
mod recurse;
mod rename;
mod replace;
mod serialize;
pub(crate) mod source;
mod symlink;
mod table;
mod text;
mod tidied;
mod touch;
mod tree;

pub(crate) use difference::difference;
pub(super) use source::{Check, fetched_text};
pub use table::STATE;
