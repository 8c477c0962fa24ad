//! The renderer: limits and compiled templates, shared by all renders of a program.

use super::jinja::{self, Engine};
use super::pipe;
use super::stages::Around;
use super::{Limits, Scope, Sls, Template};
use crate::diag::Diagnostic;
use crate::value::Map;

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
        pipe::run(&Around { renderer: self, scope, template: *template }, |_, _| {})
    }

    /// What each stage of the pipe made, by its name: the text, and the data at the end.
    pub fn stages(&self, scope: &Scope, template: &Template<'_>) -> Result<Map, Box<Diagnostic>> {
        let mut all = Map::new();
        pipe::run(&Around { renderer: self, scope, template: *template }, |stage, flow| {
            let made = flow.data.as_ref().map_or_else(|| flow.text.as_str().into(), |data| data.value.clone());
            all.insert(stage, made);
        })?;
        Ok(all)
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }
}
