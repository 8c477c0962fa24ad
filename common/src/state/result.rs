//! What a chunk answered, and how a whole run is returned.

use super::chunk::Chunk;
use crate::call::unbuilt::is_unbuilt_state;
use crate::diag::Diagnostic;
use crate::value::{Map, Value};

/// What a state function answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// True: as it should be; false: failed; none: would change (dry runs).
    pub result: Option<bool>,
    /// What changed or would change.
    pub changes: Map,
    /// What happened, in words.
    pub comment: String,
    /// Warnings beside the comment.
    pub warnings: Vec<String>,
    /// True when a guard (`onlyif`, `unless`, `creates`) kept the function from running: watches do not fire then.
    pub skip_watch: bool,
    /// How often the function was called (`retry`); at least 1. Each call takes a run number.
    pub attempts: u32,
    /// More entries of the return (`start_time`, `duration`, `pchanges`, `name` when it differs …).
    pub extra: Map,
    /// What is wrong with the declaration itself (no such function, a bad argument, a requisite that names nothing).
    pub fault: Option<Box<Diagnostic>>,
}

impl Outcome {
    /// An outcome without changes.
    pub fn new(result: Option<bool>, comment: impl Into<String>) -> Self {
        Self {
            result,
            changes: Map::new(),
            comment: comment.into(),
            warnings: Vec::new(),
            skip_watch: false,
            attempts: 1,
            extra: Map::new(),
            fault: None,
        }
    }
    /// A failure without changes.
    pub fn failed(comment: impl Into<String>) -> Self {
        Self::new(Some(false), comment)
    }
    /// A failure that only a change of the tree can mend.
    pub fn refused(comment: impl Into<String>, fault: Diagnostic) -> Self {
        Self { fault: Some(Box::new(fault)), ..Self::failed(comment) }
    }
}

/// The result of one chunk in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct ChunkResult {
    /// Key in the return: `state_|-id_|-name_|-fun`.
    pub tag: String,
    /// The ID (`__id__`).
    pub id: String,
    /// The name.
    pub name: String,
    /// The SLS (`__sls__`); none for data that was handed in.
    pub sls: Option<String>,
    /// Position in the run, from 0; has gaps where a chunk was called several times.
    pub run_num: u32,
    /// False when the run decided not to call the function (`onchanges`, `onfail`).
    pub ran: bool,
    /// What it answered.
    pub outcome: Outcome,
}

impl ChunkResult {
    pub(super) fn of(chunk: &Chunk, run_num: u32, outcome: Outcome) -> Self {
        Self {
            tag: chunk.tag(),
            id: chunk.id.clone(),
            name: chunk.name.clone(),
            sls: chunk.sls.as_deref().map(str::to_owned),
            run_num,
            ran: true,
            outcome,
        }
    }

    /// The entry of the return as the reference shapes it.
    pub fn to_value(&self) -> Value {
        let outcome = &self.outcome;
        let mut entry = Map::with_capacity(12);
        entry.insert("name", self.name.as_str());
        entry.insert("changes", outcome.changes.clone());
        entry.insert("result", outcome.result.map_or(Value::Null, Value::Bool));
        entry.insert("comment", outcome.comment.as_str());
        if !outcome.warnings.is_empty() {
            let warnings = outcome.warnings.iter().map(|warning| Value::from(warning.as_str())).collect();
            entry.insert("warnings", Value::List(warnings));
        }
        if outcome.skip_watch {
            entry.insert("skip_watch", true);
        }
        if !self.ran {
            entry.insert("__state_ran__", false);
        }
        entry.insert("__sls__", self.sls.as_deref().map_or(Value::Null, Value::from));
        entry.insert("__run_num__", i64::from(self.run_num));
        for (key, value) in &outcome.extra {
            entry.insert(key.clone(), value.clone());
        }
        entry.insert("__id__", self.id.as_str());
        Value::Map(entry)
    }
}

/// The comment of a chunk whose function does not exist, or is not built.
pub fn not_available(chunk: &Chunk, function: &str) -> String {
    let (state, sls) = (&chunk.state, chunk.sls.as_deref().unwrap_or("None"));
    let why = if is_unbuilt_state(state, function) { "implemented" } else { "available" };
    format!("State '{state}.{function}' was not found in SLS '{sls}'\nReason: '{state}.{function}' is not {why}.\n")
}

/// The return of a highstate that has nothing to run, with the reason.
pub fn no_states(comment: &str) -> Value {
    let entry = Map::from_iter([
        ("result", Value::Bool(false)),
        ("comment", Value::from(comment)),
        ("name", Value::from("No States")),
        ("changes", Value::Map(Map::new())),
        ("__run_num__", Value::Int(0)),
    ]);
    Value::Map(Map::from_iter([("no_|-states_|-states_|-None", Value::Map(entry))]))
}

/// The results of a run, by run number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// One entry a chunk that ran or was skipped; a run stopped by `failhard` has fewer than there were chunks.
    pub results: Vec<ChunkResult>,
    /// A chunk failed, and nothing that waits for its failure put that right (`onfail_stop: False`).
    pub failed: bool,
}

impl Report {
    /// The return: results by tag.
    pub fn to_value(&self) -> Value {
        Value::Map(self.results.iter().map(|result| (result.tag.as_str(), result.to_value())).collect())
    }
    /// What was wrong with declarations that could not run, in run order.
    pub fn faults(&self) -> Vec<Diagnostic> {
        self.results.iter().filter_map(|result| result.outcome.fault.as_deref().cloned()).collect()
    }
    /// The exit status the run leaves: 2 when a chunk failed, or when there was nothing to run.
    pub fn retcode(&self) -> i32 {
        if self.failed || self.results.is_empty() { 2 } else { 0 }
    }
}
