//! Runs compiled templates.
//!
//! `run` holds the state of one render, `frame` the names, `statement` and `expression` walk the tree,
//! `call` calls whatever can be called, `template` loads, includes, imports and extends.

mod arguments;
mod call;
mod expression;
mod frame;
mod loops;
mod meter;
mod run;
mod statement;
mod template;

pub(super) use arguments::Arguments;
pub(super) use expression::compare;
pub(super) use frame::Frame;
pub(in crate::render) use run::Engine;
pub(super) use run::{Run, Syntax};
