//! `pprint`: Python literals, wrapped as its `pprint` module does.

use super::{Indent, OutputOptions};
use crate::value::{Value, pprint};

/// Prints any value.
pub(super) fn render(data: &Value, options: &OutputOptions) -> Option<String> {
    let indent = match options.output_indent {
        Indent::Spaces(spaces) => spaces,
        _ => 1,
    };
    Some(pprint::format(data, indent))
}
