//! Commands that tell themselves what they changed (`stateful`).

use fleet_common::value::{Map, Value, json_load};

use crate::modules::cmd::split_words;
use crate::states::{Report, StateResult};

/// The command of `stateful: [test_name: ...]`, run in dry runs in the place of the real one.
pub fn test_command(stateful: &Value) -> Option<String> {
    let items = stateful.as_list()?;
    items.iter().find_map(|item| item.get("test_name").and_then(Value::as_str).map(str::to_owned))
}

/// Reads what the command printed: one JSON mapping, or `name=value` pairs in the last line.
pub fn reinterpret(result: StateResult, succeeded: bool) -> StateResult {
    let output = result.report.changes.get("stdout").and_then(Value::as_str).unwrap_or("").to_owned();
    let (said, rest) = match json_load::parse(&output) {
        Ok(Value::Map(map)) => (Some(map), None),
        _ => {
            let end = output.trim_end_matches('\n');
            let at = end.rfind('\n');
            let line = at.map_or(end, |at| &end[at + 1..]);
            // Without an earlier line the reference keeps all but the last character of the output.
            let rest = match at {
                Some(at) => output[..at].to_owned(),
                None => output.char_indices().next_back().map_or("", |(last, _)| &output[..last]).to_owned(),
            };
            (pairs(line), Some(rest))
        }
    };
    let Some(mut said) = said else {
        let text = "Failed parsing script output! Stdout must be JSON or a line of name=value pairs.";
        return StateResult::new(Some(false), Report::new(text).changes(result.report.changes));
    };
    let comment = said.remove("comment").map(|value| value.as_str().map_or_else(String::new, str::to_owned));
    let changed = said.get("changed").is_some_and(is_true);
    let mut changes = Map::new();
    if changed {
        changes.extend(said);
        for (key, value) in result.report.changes {
            changes.insert(key, value);
        }
        if let Some(rest) = rest {
            changes.insert("stdout", rest);
        }
    }
    StateResult::new(Some(succeeded), Report::new(comment.unwrap_or_default()).changes(changes))
}

fn pairs(line: &str) -> Option<Map> {
    let words = split_words(line).ok().filter(|words| !words.is_empty())?;
    words.iter().map(|word| word.split_once('=')).collect()
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Str(text) => ["yes", "true", "1"].contains(&text.to_lowercase().as_str()),
        other => other.truthy(),
    }
}
