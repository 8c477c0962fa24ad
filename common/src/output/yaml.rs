//! `yaml`: YAML blocks, keys sorted.

use super::{Indent, OutputOptions};
use crate::value::Value;
use crate::yaml::{DumpOptions, Flow, dump};

/// Prints any value.
pub(super) fn render(data: &Value, options: &OutputOptions) -> Option<String> {
    let block = DumpOptions { flow: Flow::Never, ..DumpOptions::default() };
    let layout = match options.output_indent {
        Indent::Own | Indent::Pretty => block,
        Indent::OneLine => DumpOptions { flow: Flow::Always, ..block },
        Indent::Spaces(spaces) => DumpOptions { indent: spaces, ..block },
    };
    Some(dump(data, &layout))
}
