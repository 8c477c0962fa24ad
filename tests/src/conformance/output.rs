//! Outputters.

use fleet_common::output::{self, OutputOptions};
use fleet_common::value::{Map, Value};

use super::{Case, Verdict, compare};

/// Runs one case: the text without trailing white space.
pub(super) fn run(case: &Case) -> Verdict {
    let (Some(name), Some(data)) = (case.text("outputter"), case.input.get("data")) else {
        return Verdict::Fail("no outputter or data in the input".to_owned());
    };
    let config = case.input.get("opts").and_then(Value::as_map).cloned().unwrap_or_else(Map::new);
    let options = OutputOptions {
        color: case.input.get("color").is_some_and(Value::truthy),
        ..OutputOptions::from_config(&config)
    };
    Verdict::of(match (output::render(name, data, &options), case.expected.get("text")) {
        (Ok(text), Some(expected)) => compare(expected, &Value::from(text)),
        (Ok(text), None) => Err(format!("refused by the reference, printed {text:?}")),
        (Err(_), None) => Ok(()),
        (Err(error), Some(_)) => Err(format!("refused: {error}")),
    })
}
