//! The stage `yaml`: text to data, faults told in the lines of the template and of what it rendered.

use super::{Flow, Stage};
use crate::diag::{Diagnostic, Place};
use crate::render::Sls;
use crate::value::{Map, Value};
use crate::yaml;

/// The stage.
pub(super) const STAGE: Stage = Stage {
    name: "yaml",
    run: |around, flow| {
        let document = match yaml::load(&flow.text, around.template.path) {
            Ok(document) => document,
            Err(error) => return Err(Box::new(explained(error.diagnostic, &flow, around.template.text))),
        };
        // An empty document is an empty mapping to all that follows.
        let value = if document.value.truthy() { document.value } else { Value::Map(Map::new()) };
        let data = Sls { value, marks: document.marks, rendered: flow.text.clone(), origins: flow.origins.clone() };
        Ok(Flow { data: Some(data), ..flow })
    },
};

/// Moves the place from the rendered text to the template; the excerpt stays the rendered text.
fn explained(mut diagnostic: Diagnostic, flow: &Flow, source: &str) -> Diagnostic {
    let Some(rendered) = diagnostic.place.take() else { return diagnostic };
    if flow.text == source {
        diagnostic.place = Some(rendered);
        return diagnostic;
    }
    let found = flow.origins.place(&flow.text, rendered.line, rendered.column);
    let (line, column) = (rendered.line, rendered.column);
    diagnostic.message = format!("{} (line {line}, column {column} of the rendered text)", diagnostic.message);
    diagnostic.place = Some(found.unwrap_or_else(|| Place::new(rendered.file, 0, 0)));
    diagnostic
}
