//! The renderer: limits and compiled templates, shared by all renders of a program.

use super::jinja::{self, Engine};
use super::pipe;
use super::stages::Around;
use super::{Limits, Scope, Sls, Template};
use crate::diag::Diagnostic;

/// Renders templates and whole pipes; keeps compiled templates by content. Cheap to share, never changes what it renders.
pub struct Renderer {
    engine: Engine,
}

impl Renderer {
    /// A renderer with empty caches.
    pub fn new(limits: Limits) -> Self {
        Self { engine: Engine::new(limits) }
    }

    /// Renders the Jinja stage only.
    pub fn text(&self, scope: &Scope, template: &Template<'_>) -> Result<String, Box<Diagnostic>> {
        jinja::render(&self.engine, scope, template).map(|(text, _)| text)
    }

    /// Renders the whole pipe that the first line names (`#!jinja|yaml` without one).
    pub fn sls(&self, scope: &Scope, template: &Template<'_>) -> Result<Sls, Box<Diagnostic>> {
        pipe::run(&Around { renderer: self, scope, template: *template })
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }
}
