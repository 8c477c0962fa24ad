//! The YAML dialect of SLS, pillar and configuration: YAML 1.1 as PyYAML's safe loader reads it, with
//! the reference's changes (integers with leading zeros, dates as text, duplicate keys refused).
//!
//! `events` (the parser, the only unsafe code) → `compose` (nodes, anchors, limits) → `construct`
//! (values and marks) → [`Document`]. The other way: `dump` → `style` → `emit`. [`typed`] reads our own formats into Rust types.

mod compose;
mod construct;
mod dump;
mod emit;
mod error;
mod events;
mod load;
mod marks;
mod merge;
mod node;
mod resolve;
mod scalar;
mod style;
pub mod typed;

pub use dump::{DumpOptions, Flow, dump};
pub use error::{YamlError, YamlErrorKind};
pub use load::{Document, load, plain_scalar};
pub use marks::{Mark, Marks};
