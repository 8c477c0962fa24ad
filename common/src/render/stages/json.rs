//! The stage `json`: text to data.

use super::{Flow, Stage};
use crate::diag::{Diagnostic, Place, excerpt};
use crate::render::Sls;
use crate::value::{Map, Value, json_load};

/// The stage.
pub(super) const STAGE: Stage = Stage {
    name: "json",
    run: |around, flow| {
        // The first line is no JSON; an empty one in its place keeps the lines.
        let text = match flow.text.strip_prefix("#!") {
            Some(rest) => format!("\n{}", rest.split_once('\n').map_or("", |(_, rest)| rest)),
            None => flow.text.clone(),
        };
        let value = if text.trim().is_empty() {
            Value::Map(Map::new())
        } else {
            json_load::parse(&text).map_err(|error| {
                let place = flow.origins.place(&flow.text, error.line, error.column);
                let place = place.unwrap_or_else(|| Place::new(around.template.path, 0, 0));
                let lines = excerpt(&flow.text, error.line, error.column, 3);
                Box::new(Diagnostic::user(format!("this is no JSON: {error}")).at(place).excerpt(lines))
            })?
        };
        let data = Sls { value, rendered: flow.text.clone(), origins: flow.origins.clone(), ..Sls::default() };
        Ok(Flow { data: Some(data), ..flow })
    },
};
