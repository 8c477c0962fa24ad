//! The stage `text`: the text as it is, without the line that names the pipe.

use super::{Flow, Stage};
use crate::render::Sls;

/// The stage.
pub(super) const STAGE: Stage = Stage {
    name: "text",
    run: |_, flow| {
        let text = match flow.text.strip_prefix("#!") {
            Some(rest) => rest.split_once('\n').map_or("", |(_, rest)| rest).to_owned(),
            None => flow.text.clone(),
        };
        let data =
            Sls { value: text.into(), rendered: flow.text.clone(), origins: flow.origins.clone(), ..Sls::default() };
        Ok(Flow { data: Some(data), ..flow })
    },
};
