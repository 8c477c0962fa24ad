//! One state of a run: what its return says, and its lines.

use super::changes::Changes;
use super::host::Printer;
use crate::output::OutputOptions;
use crate::output::color::Color;
use crate::output::wrap;
use crate::value::{Map, Value, python};

/// How a state ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Succeeded,
    Failed,
    /// Of a dry run: it would have changed something.
    NotRun,
    /// A result that is no truth value, and counts as true.
    Other,
}

impl Outcome {
    fn of(result: &Value) -> Self {
        match result {
            Value::Null => Self::NotRun,
            result if *result == Value::Bool(true) => Self::Succeeded,
            result if *result == Value::Bool(false) => Self::Failed,
            _ => Self::Other,
        }
    }
    pub fn is_good(self) -> bool {
        matches!(self, Self::Succeeded | Self::Other)
    }
}

/// What is known of one state.
pub(super) struct State<'v> {
    pub info: &'v Map,
    pub module: String,
    pub id: String,
    /// The name, or the id where the option wants ids.
    pub name: String,
    pub function: String,
    pub outcome: Outcome,
    pub result: String,
    pub order: f64,
    pub warnings: Option<Vec<String>>,
    /// How many states this one stands for.
    pub count: usize,
}

impl<'v> State<'v> {
    /// Reads a state under its key `module_|-id_|-name_|-function`; `None` for keys that are not like that.
    pub fn read(key: &str, info: &'v Map, options: &OutputOptions) -> Option<Self> {
        let parts: Vec<&str> = key.split("_|-").collect();
        let (&module, &id, &name, &function) = (parts.first()?, parts.get(1)?, parts.get(2)?, parts.get(3)?);
        let by_id = options.state_output.as_deref().is_some_and(|mode| mode.ends_with("_id"));
        let compressed = options.state_compress_ids && key.contains("_|-state_compressed_");
        let count = if compressed { count_in_brackets(id) } else { None };
        let result = info.get("result").unwrap_or(&Value::Null);
        Some(Self {
            info,
            module: module.to_owned(),
            id: id.to_owned(),
            name: if by_id { id } else { name }.to_owned(),
            function: function.to_owned(),
            outcome: Outcome::of(result),
            result: python::str_(result),
            order: info.get("__run_num__").and_then(Value::as_float).unwrap_or(0.0),
            warnings: info.get("warnings").map(texts),
            count: count.unwrap_or(1),
        })
    }

    /// Milliseconds, if the return has a number (or a text with one) for them.
    pub fn duration(&self) -> Option<f64> {
        match self.info.get("duration")? {
            Value::Str(text) => text.split(" ms").next().and_then(|number| number.trim().parse().ok()),
            number => number.as_float(),
        }
    }

    /// A detail as text; empty when it is missing.
    pub fn detail(&self, key: &str) -> String {
        self.info.get(key).map(python::str_).unwrap_or_default()
    }

    /// The block of lines of the full layout.
    pub fn lines(&self, printer: &Printer<'_>, color: Color, changes: &Changes) -> Vec<String> {
        let line =
            |label: &str, text: &str| format!("    {}", printer.paint.text(color, format_args!("{label} {text}")));
        let mut lines = vec![
            printer.paint.text(color, "----------"),
            line("      ID:", &self.id),
            line("Function:", &format!("{}.{}", self.module, self.function)),
        ];
        if self.id != self.name {
            lines.push(line("    Name:", &self.name));
        }
        lines.push(line("  Result:", &self.result));
        lines.push(line(" Comment:", &self.comment()));
        if printer.options.state_output_profile && self.info.contains("start_time") {
            let duration = self.detail("duration");
            let unit = if duration.is_empty() { "" } else { " ms" };
            lines.push(line(" Started:", &self.detail("start_time")));
            lines.push(line("Duration:", &format!("{duration}{unit}")));
        }
        lines.push(printer.paint.text(color, format_args!("     Changes:   {}", changes.text)));
        if let Some(why) = self.info.get("provisional").and_then(Value::as_str) {
            lines.push(format!(
                "    {}",
                printer.paint.text(Color::LightYellow, format_args!("   Notes: may turn out otherwise: {why}"))
            ));
        }
        if let Some(warnings) = &self.warnings {
            let filled = wrap::fill(&warnings.join("\n"), 80, 14);
            let (start, end) = (printer.paint.start(Color::LightRed), printer.paint.end());
            lines.push(format!("   {start} Warnings: {}{end}", filled.trim_start()));
        }
        lines
    }

    /// The comment with its lines aligned, and the state's extra data.
    fn comment(&self) -> String {
        let mut comment = self.detail("comment").trim().replace('\n', "\n              ");
        match self.info.get("data") {
            None => {}
            Some(Value::List(items)) => items.iter().for_each(|item| comment += &format!(" {}", python::str_(item))),
            Some(Value::Map(map)) => {
                for (key, value) in map {
                    comment += &format!("\n\t\t{}: {}", python::str_(key), python::str_(value));
                }
            }
            Some(other) => comment += &format!(" {}", python::str_(other)),
        }
        comment
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items.iter().map(python::str_).collect(),
        other => vec![python::str_(other)],
    }
}

/// The number at the end of `id (3)`.
fn count_in_brackets(id: &str) -> Option<usize> {
    id.strip_suffix(')')?.rsplit_once('(')?.1.parse().ok()
}
