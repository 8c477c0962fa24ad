//! The Jinja stage.

use std::sync::Arc;

use fleet_common::call::Facts;
use fleet_common::diag::Diagnostic;
use fleet_common::render::{Scope, Template};
use fleet_common::value::Value;

use super::{Case, Scratch, Verdict, minion};

/// Runs one case.
pub(super) fn run(case: &Case) -> Verdict {
    let rendered = match render(case) {
        Ok(rendered) => rendered,
        Err(why) => return Verdict::Fail(why),
    };
    let expected = case.expected.get("text").and_then(Value::as_str);
    match (expected, rendered) {
        (Some(expected), Ok(text)) if text == expected => Verdict::Pass,
        (Some(expected), Ok(text)) => Verdict::Fail(format!("\n  expected {expected:?}\n       got {text:?}")),
        (Some(expected), Err(fault)) => Verdict::Fail(format!("\n  expected {expected:?}\n    failed {fault}")),
        (None, Ok(text)) => Verdict::Fail(format!("an error was expected, {text:?} came: {:?}", case.expected)),
        (None, Err(fault)) => Verdict::of(line_fits(case, &fault)),
    }
}

/// The text of the stage, paths below the scratch directory masked again.
fn render(case: &Case) -> Result<Result<String, Box<Diagnostic>>, String> {
    let scratch = Scratch::new(&case.input)?;
    let act = minion::context(case, &scratch)?;
    let input = scratch.substitute(&case.input);
    let text = input.get("template").and_then(Value::as_str).unwrap_or_default();
    let sls = case.text("sls").unwrap_or("test");
    let path = case.text("path").map_or_else(|| format!("{}.sls", sls.replace('.', "/")), str::to_owned);
    let facts: Arc<dyn Facts> = Arc::new(act.look().clone());
    let scope = Scope { saltenv: "base".to_owned(), facts, context: Default::default() };
    let rendered = act.renderer().text(&scope, &Template { text, path: &path, sls: Some(sls) });
    let masked = |text: String| match scratch.mask(&Value::from(text)) {
        Value::Str(text) => text,
        _ => String::new(),
    };
    Ok(rendered.map(masked))
}

/// The line of an error binds where the reference reports one; 0 stands for a line of another file.
fn line_fits(case: &Case, fault: &Diagnostic) -> Result<(), String> {
    let line = case.expected.get("error").and_then(|error| error.get("line")).and_then(Value::as_int).unwrap_or(0);
    let places = fault.place.iter().chain(&fault.via);
    let own = case
        .text("path")
        .map_or_else(|| format!("{}.sls", case.text("sls").unwrap_or("test").replace('.', "/")), str::to_owned);
    let mut lines = places.filter(|place| place.file == own).map(|place| i64::from(place.line));
    if line == 0 || lines.any(|reported| reported == line) {
        return Ok(());
    }
    Err(format!("line {line} was expected: {fault}"))
}
