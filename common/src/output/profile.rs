//! `profile`: how long each state took, as a table.

use super::OutputOptions;
use super::table;
use crate::value::{Map, Value, python};

const LONGEST_NAME: usize = 60;
const LABELS: [&str; 3] = ["name", "mod.fun", "duration (ms)"];

/// Prints a mapping of minions to state runs; errors of trees that did not compile count as states without name.
pub(super) fn render(data: &Value, options: &OutputOptions) -> Option<String> {
    let nothing = Value::Map(Map::new());
    let mut rows = Vec::new();
    for run in data.as_map()?.values() {
        match run {
            Value::Map(states) => {
                for (key, state) in states {
                    rows.push(row(&python::str_(key), state)?);
                }
            }
            Value::List(errors) => {
                for error in errors {
                    rows.push(row(&python::str_(error), &nothing)?);
                }
            }
            _ => return None,
        }
    }
    let shown = |row: &Row| format!("{:.4}", row.duration);
    let width = rows.iter().map(|row| shown(row).len()).chain([LABELS[2].len()]).max().unwrap_or(0);
    let mut cells: Vec<Vec<String>> =
        rows.into_iter().map(|row| vec![row.name, row.function, format!("{:>width$.4}", row.duration)]).collect();
    if cells.is_empty() {
        return Some(String::new());
    }
    // As the reference: by the text of the duration.
    cells.sort_by(|a, b| a[2].cmp(&b[2]).then_with(|| a.cmp(b)));
    cells.insert(0, LABELS.map(str::to_owned).to_vec());
    Some(table::layout(&cells, 4, options)?.join("\n"))
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
