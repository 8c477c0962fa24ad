//! From data to text on the terminal.

use fleet_common::diag::Diagnostic;
use fleet_common::value::Value;

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
    let failed = |error: serde_json::Error| Diagnostic::user(format!("the data cannot be shown as JSON: {error}"));
    match name {
        "json" => match options.indent.unwrap_or(4) {
            indent if indent < 0 => serde_json::to_string(data).map_err(failed),
            indent => {
                let spaces = " ".repeat(usize::try_from(indent).unwrap_or(4).min(64));
                let format = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
                let mut bytes = Vec::new();
                let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, format);
                serde::Serialize::serialize(data, &mut serializer).map_err(failed)?;
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
        },
        "quiet" => Ok(String::new()),
        other => Err(Diagnostic::user(format!("the outputter '{other}' is not supported yet"))),
    }
}
