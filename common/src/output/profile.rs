//! `profile`: how long each state took, as a table.

use super::OutputOptions;
use super::table;
use crate::value::{Value, python};

const LONGEST_NAME: usize = 60;
const LABELS: [&str; 3] = ["name", "mod.fun", "duration (ms)"];

/// Prints a mapping of minions to state runs.
pub(super) fn render(data: &Value, options: &OutputOptions) -> Option<String> {
    let mut rows = Vec::new();
    for run in data.as_map()?.values() {
        for (key, state) in run.as_map().into_iter().flatten() {
            rows.push(row(&python::str_(key), state)?);
        }
    }
    rows.sort_by(|a, b| {
        a.duration.total_cmp(&b.duration).then_with(|| (&a.name, &a.function).cmp(&(&b.name, &b.function)))
    });
    let width = rows.iter().map(|row| format!("{:.4}", row.duration).len()).chain([LABELS[2].len()]).max().unwrap_or(0);
    let cells = rows.into_iter().map(|row| vec![row.name, row.function, format!("{:>width$.4}", row.duration)]);
    let table: Vec<Vec<String>> = [LABELS.map(str::to_owned).to_vec()].into_iter().chain(cells).collect();
    Some(table::layout(&table, 4, options)?.join("\n"))
}

struct Row {
    duration: f64,
    name: String,
    function: String,
}

fn row(key: &str, state: &Value) -> Option<Row> {
    let parts: Vec<&str> = key.split("_|-").collect();
    let function = format!("{}.{}", parts.first()?, parts.last()?);
    let mut name = match state.get("name").or_else(|| state.get("__id__")) {
        _ if state.as_map().is_none() => key.to_owned(),
        None | Some(Value::Null) => "<>".to_owned(),
        Some(name) => python::str_(name),
    };
    if name.chars().count() > LONGEST_NAME {
        name = name.chars().take(LONGEST_NAME - 3).chain("...".chars()).collect();
    }
    let duration = match state.get("duration") {
        None => -1.0,
        Some(Value::Str(text)) => text.trim().parse().ok()?,
        Some(number) => number.as_float()?,
    };
    Some(Row { duration, name, function })
}
