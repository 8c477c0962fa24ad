//! Target expressions: parsed once into a [`Matcher`], matched purely against what is known of a minion.
//!
//! Used by the minion for itself, by the master over what it knows, by top files and rules alike.

mod compound;
mod data;
pub mod glob;
mod list;
mod nodegroup;
mod parse;
mod pcre;
mod subnet;
mod term;
pub mod top;

pub use parse::Matcher;
pub use pcre::{Pcre, PcreError};

use crate::value::Map;

/// What is known of the minion that is matched.
pub trait Subject {
    /// Its id.
    fn id(&self) -> &str;
    /// Its grains; `None` when they are not known (then grain expressions match nobody).
    fn grains(&self) -> Option<&Map>;
    /// Its pillar; `None` when it is not known.
    fn pillar(&self) -> Option<&Map>;
}
