//! From the text of a state tree to text or data: the render pipes (`#!jinja|yaml`) and their stages.
//!
//! Pure: files come through [`crate::files::FileSource`], all else through [`crate::call::Facts`].

mod jinja;
mod origins;
pub mod pipe;
mod renderer;
mod stages;

use std::sync::Arc;

pub use origins::Origins;
pub use renderer::Renderer;

use crate::call::Facts;
use crate::diag::Place;
use crate::value::{Map, Value};
use crate::yaml::{Mark, Marks};

/// What bounds one render.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest source of one template, in bytes.
    pub source: usize,
    /// Largest output of one render, in bytes.
    pub output: usize,
    /// What the values of one render may weigh, in bytes.
    pub memory: usize,
    /// Lists and mappings of variables that may be put into others.
    pub nested: usize,
    /// Statements and expressions that may be evaluated.
    pub fuel: u64,
    /// Nested macro calls, includes and imports.
    pub recursion: u32,
    /// Longest chain of operators in one expression.
    pub chain: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            source: 4 << 20,
            output: 64 << 20,
            memory: 256 << 20,
            nested: 100_000,
            fuel: 50_000_000,
            recursion: 100,
            chain: 1000,
        }
    }
}

/// What a template sees beside its own text.
#[derive(Clone)]
pub struct Scope {
    /// The state environment (`saltenv`).
    pub saltenv: String,
    /// Grains, pillar, configuration, files and functions.
    pub facts: Arc<dyn Facts>,
    /// More names (`context` and `defaults` of file.managed).
    pub context: Map,
}

/// A text to render.
#[derive(Debug, Clone, Copy)]
pub struct Template<'a> {
    /// The text itself.
    pub text: &'a str,
    /// Its path in the tree, as the user knows it: `web/init.sls`.
    pub path: &'a str,
    /// Its SLS name (`web`), if it is one.
    pub sls: Option<&'a str>,
}

/// The data of a rendered SLS.
#[derive(Debug, Clone, Default)]
pub struct Sls {
    /// What it says.
    pub value: Value,
    /// Where each part of it was written in the rendered text; empty for data that never was YAML.
    pub marks: Marks,
    /// The text of the last stage before it became data.
    pub rendered: String,
    /// Where `rendered` came from.
    pub origins: Origins,
}

impl Sls {
    /// The place in the source of a mark in the rendered text.
    pub fn place(&self, mark: Mark) -> Option<Place> {
        self.origins.place(&self.rendered, mark.line, mark.column)
    }
}
