//! The YAML loader.

use fleet_common::value::Value;
use fleet_common::yaml::{self, YamlErrorKind};

use super::{Case, Verdict, compare_ordered};

/// Runs one case: fails or does not, the value in order, the kind and line of faults the loader itself reports.
pub(super) fn run(case: &Case) -> Verdict {
    let Some(text) = case.text("text") else { return Verdict::Fail("no text in the input".to_owned()) };
    let loaded = yaml::load(text, "case.sls");
    Verdict::of(match (case.expected.get("error"), loaded) {
        (None, Ok(document)) => compare_ordered(case.expected.get("value").unwrap_or(&Value::Null), &document.value),
        (None, Err(error)) => Err(format!("refused: {error}")),
        (Some(error), Ok(document)) => Err(format!("{error:?} expected, {:?} came", document.value)),
        (Some(expected), Err(error)) => fault(expected, &error),
    })
}

fn fault(expected: &Value, error: &yaml::YamlError) -> Result<(), String> {
    let kind = match error.kind {
        YamlErrorKind::Reader => "ReaderError",
        YamlErrorKind::Scanner => "ScannerError",
        YamlErrorKind::Parser => "ParserError",
        YamlErrorKind::Composer => "ComposerError",
        YamlErrorKind::Constructor => "ConstructorError",
    };
    // Crashes of the reference (ValueError, RecursionError ...) have no kind of their own.
    let known = expected.get("kind").and_then(Value::as_str).filter(|kind| is_stage(kind));
    if let Some(known) = known.filter(|known| *known != kind) {
        return Err(format!("{known} expected, {kind} came: {error}"));
    }
    let line = expected.get("line").and_then(Value::as_int);
    let place = error.diagnostic.place.as_ref().map(|place| i64::from(place.line));
    match line.filter(|line| Some(*line) != place) {
        Some(line) => Err(format!("line {line} expected: {error}")),
        None => Ok(()),
    }
}

fn is_stage(kind: &str) -> bool {
    matches!(kind, "ReaderError" | "ScannerError" | "ParserError" | "ComposerError" | "ConstructorError")
}
