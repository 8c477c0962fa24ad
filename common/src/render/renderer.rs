//! The renderer: limits and compiled templates, shared by all renders of a program.

use super::{Limits, Scope, Sls, Template};
use crate::diag::Diagnostic;

/// Renders templates and whole pipes; keeps compiled templates by content. Cheap to share, never changes what it renders.
#[derive(Debug)]
pub struct Renderer {
    limits: Limits,
}

impl Renderer {
    /// A renderer with empty caches.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// Renders the Jinja stage only.
    pub fn text(&self, scope: &Scope, template: &Template<'_>) -> Result<String, Box<Diagnostic>> {
        let _ = (scope, &self.limits);
        Err(Box::new(Diagnostic::user(format!("{}: rendering is not supported yet", template.path))))
    }

    /// Renders the whole pipe that the first line names (`#!jinja|yaml` without one).
    pub fn sls(&self, scope: &Scope, template: &Template<'_>) -> Result<Sls, Box<Diagnostic>> {
        let rendered = self.text(scope, template)?;
        Ok(Sls { rendered, ..Sls::default() })
    }
}
