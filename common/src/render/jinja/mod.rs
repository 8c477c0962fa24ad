//! The Jinja stage: minijinja's lexer and parser, our own evaluation with Python's values.
//!
//! The package reads templates ([`prepass`] mends the text for it where its grammar is narrower than Jinja2's);
//! what templates *do* must be Python to the byte, down to messages, so [`interpret`] runs our own tree
//! ([`tree`], made by [`lower`]) over values that behave as Python's ([`object`]).

mod attribute;
mod blocks;
mod compile;
mod convert;
mod environment;
mod fault;
mod filters;
mod format_braces;
mod format_percent;
mod format_spec;
mod globals;
mod interpret;
mod loader;
mod lower;
mod lower_expression;
mod methods;
mod object;
mod operate;
mod pattern;
mod prepass;
mod print;
mod size;
mod strings;
mod tests;
mod tree;
mod variables;

pub(super) use environment::render;
pub(super) use interpret::Engine;
