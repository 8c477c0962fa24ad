//! From data to text on the terminal.

use fleet_common::diag::Diagnostic;
use fleet_common::value::Value;
use fleet_common::value::json_dump::{JsonOptions, dumps};

/// How data is shown.
#[derive(Debug, Clone, Default)]
pub(super) struct OutputOptions {
    /// With ANSI colours.
    pub(super) color: bool,
    /// Spaces a level; negative: all on one line.
    pub(super) indent: Option<i32>,
}

/// Renders data by the named outputter.
pub(super) fn render(name: &str, data: &Value, options: &OutputOptions) -> Result<String, Diagnostic> {
    match name {
        "json" | "nested" | "highstate" => {
            let indent = options.indent.unwrap_or(4);
            let layout =
                usize::try_from(indent).map_or_else(|_| JsonOptions::default(), |n| JsonOptions::indented(n.min(64)));
            Ok(dumps(data, &layout))
        }
        "quiet" => Ok(String::new()),
        other => Err(Diagnostic::user(format!("the outputter '{other}' is not supported yet"))),
    }
}
