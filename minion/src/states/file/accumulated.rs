//! `file.accumulated`: texts collected for a file that another state writes.

use std::collections::BTreeMap;

use fleet_common::args;
use fleet_common::value::Value;

use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};

args! {
    /// Arguments of `file.accumulated`.
    pub struct Accumulated {
        /// Name of the accumulator.
        name: String,
        /// The file that the texts are for.
        filename: String,
        /// The texts.
        text: Value,
        /// The file state that uses them.
        require_in: Value = Value::Null,
        /// Likewise.
        watch_in: Value = Value::Null,
        /// Anything else is for the template that uses them.
        **others: fleet_common::value::Map,
    }
}

impl State for Accumulated {
    type Todo = ();

    /// Collecting changes nothing on the machine, and what is predicted later needs the texts: dry runs collect too.
    fn plan(&self, _look: &Look, run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let (name, file) = (&self.name, &self.filename);
        let readers: Vec<String> = [&self.require_in, &self.watch_in]
            .into_iter()
            .flat_map(|list| list.as_list().unwrap_or_default())
            .filter_map(|entry| entry.get("file").and_then(Value::as_str).map(str::to_owned))
            .collect();
        if readers.is_empty() {
            return Err(Failure::new(format!("Orphaned accumulator {name} in {}:{}", run.sls, run.id)));
        }
        let given = match &self.text {
            Value::List(items) => items.clone(),
            one => vec![one.clone()],
        };
        let mut notes = run.notes();
        let all = notes.accumulators.entry(file.clone()).or_default().entry(name.clone()).or_default();
        all.readers.extend(readers);
        let mut comment = String::new();
        for text in given {
            if !all.texts.contains(&text) {
                all.texts.push(text);
                comment = format!("Accumulator {name} for file {file} was charged by text");
            }
        }
        Ok(Plan::Nothing(Report::new(comment)))
    }

    fn apply(&self, _act: &Act, (): ()) -> Result<Applied, Failure> {
        Ok(Applied::AsPlanned)
    }
}

/// The texts collected for a file by accumulator: those meant for this state when there are any, else all.
pub fn collected(run: &Run<'_>, file: &str) -> BTreeMap<String, Vec<Value>> {
    let notes = run.notes();
    let Some(all) = notes.accumulators.get(file) else { return BTreeMap::new() };
    let meant = all.values().any(|one| one.readers.iter().any(|reader| reader == run.id));
    all.iter()
        .filter(|(_, one)| !meant || one.readers.iter().any(|reader| reader == run.id))
        .map(|(name, one)| (name.clone(), one.texts.clone()))
        .collect()
}
