//! What an outputter is told besides the data: the options of the configuration that matter for printing.

use crate::value::{Map, Value};

/// The option `output_indent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Indent {
    /// Not set: each outputter's own.
    #[default]
    Own,
    /// `null` or negative: everything on one line.
    OneLine,
    /// `pretty`: four spaces, keys sorted.
    Pretty,
    /// So many spaces.
    Spaces(usize),
}

/// The option `state_tabular`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tabular {
    /// One sentence for each state.
    #[default]
    Off,
    /// Columns.
    On,
    /// A layout with numbered fields (`{0}` to `{6[key]}`).
    Format(String),
}

/// How to print; the default is plain text with the reference's defaults.
#[derive(Debug, Clone)]
pub struct OutputOptions {
    /// Uses terminal colours.
    pub color: bool,
    /// Masks escape characters in data.
    pub strip_colors: bool,
    /// Exit status of the function: others than 0 turn `nested` red.
    pub retcode: i64,
    /// Spaces before everything `nested` prints.
    pub nested_indent: usize,
    /// Indentation of `json`, `yaml` and `pprint`.
    pub output_indent: Indent,
    /// Layout of states: full, terse, mixed, changes, filter, each also with `_id`; `None` prints them nested.
    pub state_output: Option<String>,
    /// Shows states that succeeded and changed nothing.
    pub state_verbose: bool,
    /// Leaves out states that changed nothing.
    pub state_output_diff: bool,
    /// Shows when states started and how long they took.
    pub state_output_profile: bool,
    /// Adds percentages to the summary.
    pub state_output_pct: bool,
    /// Results (`True`, `False`, `None`) that the `filter` layout leaves out.
    pub state_output_exclude: Vec<String>,
    /// Results that the `filter` layout shows on one line.
    pub state_output_terse: Vec<String>,
    /// Layout of one-line states.
    pub state_tabular: Tabular,
    /// Shows states of one id and result as one.
    pub state_compress_ids: bool,
}

impl Default for OutputOptions {
    fn default() -> Self {
        Self {
            color: false,
            strip_colors: true,
            retcode: 0,
            nested_indent: 0,
            output_indent: Indent::Own,
            state_output: Some("full".to_owned()),
            state_verbose: true,
            state_output_diff: false,
            state_output_profile: true,
            state_output_pct: false,
            state_output_exclude: Vec::new(),
            state_output_terse: Vec::new(),
            state_tabular: Tabular::Off,
            state_compress_ids: false,
        }
    }
}

impl OutputOptions {
    /// The options of a configuration; those that are not set keep their defaults.
    pub fn from_config(config: &Map) -> Self {
        let defaults = Self::default();
        let flag = |key: &str, default: bool| config.get(key).map_or(default, Value::truthy);
        Self {
            color: flag("color", defaults.color),
            strip_colors: flag("strip_colors", defaults.strip_colors),
            retcode: defaults.retcode,
            nested_indent: config.get("nested_indent").and_then(size).unwrap_or(0),
            output_indent: config.get("output_indent").map_or(Indent::Own, indent),
            state_output: match config.get("state_output") {
                None => defaults.state_output,
                Some(value) => value.as_str().map(str::to_lowercase),
            },
            state_verbose: flag("state_verbose", defaults.state_verbose),
            state_output_diff: flag("state_output_diff", false),
            state_output_profile: flag("state_output_profile", defaults.state_output_profile),
            state_output_pct: flag("state_output_pct", false),
            state_output_exclude: config.get("state_output_exclude").map_or_else(Vec::new, results),
            state_output_terse: config.get("state_output_terse").map_or_else(Vec::new, results),
            state_tabular: match config.get("state_tabular") {
                Some(Value::Bool(true)) => Tabular::On,
                Some(Value::Str(layout)) => Tabular::Format(layout.clone()),
                _ => Tabular::Off,
            },
            state_compress_ids: flag("state_compress_ids", false),
        }
    }
}

fn size(value: &Value) -> Option<usize> {
    value.as_int().and_then(|number| usize::try_from(number).ok())
}

fn indent(value: &Value) -> Indent {
    match value {
        Value::Str(text) if text == "pretty" => Indent::Pretty,
        Value::Int(_) => size(value).map_or(Indent::OneLine, Indent::Spaces),
        Value::Null => Indent::OneLine,
        _ => Indent::Own,
    }
}

/// A list of results, or one text with commas.
fn results(value: &Value) -> Vec<String> {
    match value {
        Value::Str(text) => text.split(',').map(str::to_owned).collect(),
        Value::List(items) => items.iter().map(crate::value::python::str_).collect(),
        _ => Vec::new(),
    }
}
