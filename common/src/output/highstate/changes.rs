//! What a state changed.

use super::host::Printer;
use super::state::State;
use super::unwrap::runs;
use crate::output::{OutputOptions, nested};
use crate::value::{Map, Value, python};

/// Column at which changes are printed.
const INDENT: usize = 14;

/// The changes of a state as text, and how many they are.
pub(super) struct Changes {
    pub changed: bool,
    pub count: usize,
    pub text: String,
}

impl Changes {
    /// Reads and prints the changes; runs inside of them (orchestration) are printed as runs.
    pub fn of(printer: &Printer<'_>, state: &State<'_>) -> Option<Self> {
        let none = Value::Map(Map::new());
        let changes = state.info.get("changes").unwrap_or(&none);
        let name = state.info.get("name").and_then(Value::as_str);
        if matches!(name, Some("state.orch" | "state.orchestrate" | "state.sls")) {
            let inner = runs(changes, printer.options, printer.level + 1)?;
            let space = " ".repeat(INDENT * printer.level);
            let text: Vec<String> = format!("\n{inner}").split('\n').map(|line| format!("{space}{line}")).collect();
            return Some(Self { changed: true, count: 1, text: text.join("\n") });
        }
        if !changes.truthy() {
            return Some(Self { changed: false, count: 0, text: String::new() });
        }
        let Some(map) = changes.as_map() else {
            let text = format!("Invalid Changes data: {}", python::str_(changes));
            return Some(Self { changed: true, count: 1, text });
        };
        let (text, changed) = match map.get("ret").and_then(Value::as_map) {
            Some(hosts) if map.get("out").and_then(Value::as_str) == Some("highstate") => inner_runs(printer, hosts)?,
            _ => (listed(changes, printer.options), true),
        };
        let compressed = map.get("compressed changes").and_then(Value::as_map).map_or(0, Map::len);
        let count = if state.count > 1 { compressed.max(1) } else { 1 };
        Some(Self { changed, count: if changed { count } else { 0 }, text })
    }
}

fn inner_runs(printer: &Printer<'_>, hosts: &Map) -> Option<(String, bool)> {
    let (mut text, mut any) = (String::new(), false);
    let outer = Printer { level: 1, ..*printer };
    for (host, run) in hosts {
        let (inner, changed) = outer.host(host, run)?;
        any |= changed;
        let lines: Vec<String> =
            python::lines(&inner).into_iter().map(|line| format!("{}{line}", " ".repeat(INDENT))).collect();
        text.push('\n');
        text.push_str(&lines.join("\n"));
    }
    Some((text, any))
}

fn listed(changes: &Value, options: &OutputOptions) -> String {
    let options = OutputOptions { nested_indent: INDENT, retcode: 0, ..options.clone() };
    let text = nested::render(changes, &options).unwrap_or_default();
    format!("\n{}", text.trim_end())
}
