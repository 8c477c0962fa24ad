//! The stage `jinja`: templates to text.

use super::{Flow, Stage};
use crate::render::Template;
use crate::render::jinja;

/// The stage.
pub(super) const STAGE: Stage = Stage {
    name: "jinja",
    run: |around, flow| {
        let template = Template { text: &flow.text, ..around.template };
        let (text, origins) = jinja::render(around.renderer.engine(), around.scope, &template)?;
        Ok(Flow { text, origins, data: None })
    },
};
