//! The stages of render pipes: a table, one file each.

mod jinja;
mod json;
mod text;
mod yaml;

use super::{Origins, Renderer, Scope, Sls, Template};
use crate::diag::Diagnostic;

/// A text on its way through a pipe.
pub(super) struct Flow {
    /// The text so far.
    pub text: String,
    /// Where it came from.
    pub origins: Origins,
    /// The data, once a stage made some.
    pub data: Option<Sls>,
}

/// What a stage needs beside the text.
pub(super) struct Around<'a> {
    /// The renderer with its caches.
    pub renderer: &'a Renderer,
    /// Facts and names.
    pub scope: &'a Scope,
    /// The file.
    pub template: Template<'a>,
}

/// A stage of a pipe.
pub(super) struct Stage {
    /// Its name in the first line.
    pub name: &'static str,
    /// What it does.
    pub run: fn(&Around<'_>, Flow) -> Result<Flow, Box<Diagnostic>>,
}

/// The stages there are.
pub(super) const STAGES: &[&Stage] = &[&jinja::STAGE, &json::STAGE, &text::STAGE, &yaml::STAGE];
