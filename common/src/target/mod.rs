//! Target expressions: parsed once into a [`Matcher`], matched purely against what is known of a minion.
//!
//! Used by the minion for itself, by the master over what it knows, by top files and rules alike. The grammar, the
//! reference's and what goes beyond it, is `docs/guides/targeting.md`.

mod compare;
mod compound;
mod data;
pub mod glob;
mod id_glob;
mod list;
mod nodegroup;
mod parse;
mod pcre;
mod subnet;
mod term;
pub mod top;
mod tree;

use std::borrow::Cow;

pub use data::{DataPattern, Style};
pub use parse::Matcher;
pub use pcre::{Pcre, PcreError};
pub use term::no_range;

use crate::value::{Map, Value};

/// What is known of the minion that is matched.
pub trait Subject {
    /// Its id.
    fn id(&self) -> &str;
    /// Its grains, at least those under the wanted top keys (all of them without); `None` when they are not known: then
    /// what depends on them is not decided, and the minion is not meant.
    fn grains(&self, wanted: Option<&[Value]>) -> Option<Cow<'_, Map>>;
    /// Its pillar; `None` when it is not known.
    fn pillar(&self) -> Option<&Map>;
}
