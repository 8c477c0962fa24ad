//! Finding the state runs in what a command returned.

use std::borrow::Cow;

use super::compress::compress;
use super::host::Printer;
use crate::output::OutputOptions;
use crate::output::color::Paint;
use crate::value::{Map, Value};

/// Prints a mapping of minions to state runs. `None` if it is something else, or states are to be printed nested.
pub(in crate::output) fn render(data: &Value, options: &OutputOptions) -> Option<String> {
    options.state_output.as_ref()?;
    runs(data, options, 1)
}

/// Prints the runs in `data`, which may be wrapped in what a job or an orchestration returns.
pub(super) fn runs(data: &Value, options: &OutputOptions, level: usize) -> Option<String> {
    match inner(data) {
        Value::Str(text) => Some(text.clone()),
        Value::Null => Some("None".to_owned()),
        Value::Map(map) => {
            let map = without_retcode(map);
            let map = if options.state_compress_ids { Cow::Owned(compress(&map)) } else { map };
            let printer = Printer { options, paint: Paint { on: options.color }, level };
            let hosts = map.iter().map(|(host, run)| printer.host(host, run).map(|(text, _)| text));
            Some(hosts.collect::<Option<Vec<_>>>()?.join("\n"))
        }
        _ => None,
    }
}

/// Takes the run out of the envelopes of job look-ups and of the orchestrate runner.
fn inner(data: &Value) -> &Value {
    let data = data.get("return").unwrap_or(data);
    let data = data.get("data").unwrap_or(data);
    let single = data.as_map().filter(|map| map.len() == 1).and_then(|map| map.values().next());
    match single {
        Some(job) if job.get("jid").is_some() && job.get("fun").is_some() => {
            job.get("return").and_then(|returned| returned.get("data")).unwrap_or(data)
        }
        _ => data,
    }
}

/// An orchestration returns its exit status beside the master's run.
fn without_retcode(map: &Map) -> Cow<'_, Map> {
    let masters = map.keys().filter(|key| key.as_str().is_some_and(|key| key.ends_with("_master"))).count();
    if !map.contains("retcode") || masters != 1 {
        return Cow::Borrowed(map);
    }
    let mut map = map.clone();
    map.remove("retcode");
    Cow::Owned(map)
}
