//! `txt`: each line of each value after its key.

use super::OutputOptions;
use crate::value::{Value, pprint, python};

/// Prints any value.
pub(super) fn render(data: &Value, _options: &OutputOptions) -> Option<String> {
    let mut out = String::new();
    match data {
        Value::Map(map) => {
            for (key, value) in map {
                let key = python::str_(key);
                match value {
                    Value::Str(text) => {
                        python::lines(text).into_iter().for_each(|line| out.push_str(&format!("{key}: {line}\n")));
                    }
                    other => out.push_str(&format!("{key}: {}\n", python::str_(other))),
                }
            }
        }
        Value::Str(text) => out.push_str(text),
        other => out.push_str(&pprint::format(other, 1)),
    }
    Some(out)
}
