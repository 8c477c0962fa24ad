//! Configuration files: read by our own YAML loader with positions, includes joined, then taken key by key into types.
//!
//! An unknown key is a warning with a suggestion, a key of the reference that has no effect here is named as such,
//! a wrong type is an error with file, line and column.

mod file;
mod known;
mod of_modules;
mod take;

pub use file::Settings;
pub use take::FromConfig;
