//! One state on one line.

use super::host::Printer;
use super::state::{Outcome, State};
use crate::output::Tabular;
use crate::output::color::Color;
use crate::value::Value;

/// The line, or `None` for a layout that can not be filled.
pub(super) fn terse(printer: &Printer<'_>, color: Color, state: &State<'_>) -> Option<String> {
    let paint = printer.paint;
    let result = match state.outcome {
        Outcome::Failed => "Failed",
        Outcome::NotRun => "Differs",
        _ if state.info.get("changes").is_some_and(Value::truthy) => "Changed",
        _ => "Clean",
    };
    let State { module, name, function, .. } = state;
    let timed = printer.options.state_output_profile && state.info.contains("start_time");
    let (started, duration) = (state.detail("start_time"), state.detail("duration"));
    let warnings = match &state.warnings {
        Some(warnings) => paint.text(Color::LightRed, format_args!("Warnings:\n{}", warnings.join("\n"))),
        None => String::new(),
    };
    let (start, end) = (paint.start(color), paint.end());
    Some(match &printer.options.state_tabular {
        Tabular::Off => {
            let times = if timed { format!(" - Started: {started} - Duration: {duration} ms") } else { String::new() };
            format!("{warnings} {start} Name: {name} - Function: {module}.{function} - Result: {result}{times}{end}")
        }
        Tabular::On => {
            let warnings = if warnings.is_empty() { warnings } else { warnings + "\n" };
            let times = if timed { format!("{started} [{duration:>7} ms] ") } else { String::new() };
            format!("{warnings}{start}{times}{module:>10}.{function:<10} {result:7}   Name: {name}{end}")
        }
        Tabular::Format(layout) => {
            let fields = [start, name, module, function, result, end];
            filled(layout, &fields, |key| state.info.contains(key).then(|| state.detail(key)))?
        }
    })
}

/// Fills a layout with `{N}` fields, `{6[key]}` for details, each with an optional `!s` and `:` alignment and width.
fn filled(layout: &str, fields: &[&str], detail: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = layout;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        let (field, after) = after.split_once('}').filter(|_| brace == "{")?;
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let name = name.strip_suffix("!s").unwrap_or(name);
        let value = match name.strip_prefix("6[").and_then(|key| key.strip_suffix(']')) {
            Some(key) => detail(key)?,
            None => (*fields.get(name.parse::<usize>().ok()?)?).to_owned(),
        };
        out.push_str(&aligned(&value, spec)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

fn aligned(value: &str, spec: &str) -> Option<String> {
    let (align, width) = match spec.chars().next() {
        Some(align @ ('<' | '>' | '^')) => (align, &spec[1..]),
        _ => ('<', spec),
    };
    let width = if width.is_empty() { 0 } else { width.parse::<u16>().ok()? }.into();
    Some(match align {
        '>' => format!("{value:>width$}"),
        '^' => format!("{value:^width$}"),
        _ => format!("{value:<width$}"),
    })
}

#[cfg(test)]
mod tests {
    use super::filled;

    #[test]
    fn layouts_are_filled_or_refused() {
        let detail = |key: &str| (key == "duration").then(|| "1.5".to_owned());
        assert_eq!(
            filled("{0}|{1:>3}|{6[duration]!s:^5}|{{x}}", &["a", "b"], detail).as_deref(),
            Some("a|  b| 1.5 |{x}")
        );
        for layout in ["{name}", "{9}", "{0", "}", "{6[nope]}", "{0:z}"] {
            assert_eq!(filled(layout, &["a"], detail), None, "{layout}");
        }
    }
}
