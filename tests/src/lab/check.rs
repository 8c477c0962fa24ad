//! Returns of state runs: what they say, and whether a prediction is what then happened.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fault::{Fault, ensure};

/// The chunks of a run on one host, by their keys (`module_|-id_|-name_|-function`).
#[derive(Debug, Clone)]
pub struct Chunks(BTreeMap<String, Value>);

impl Chunks {
    /// The chunks of a return; a fault when it is none of a state run, with what it says instead.
    pub fn of(returned: &Value) -> Result<Self, Fault> {
        let map = returned
            .as_object()
            .filter(|map| !map.is_empty() && map.values().all(|chunk| chunk.get("result").is_some()));
        let map = map.ok_or_else(|| Fault::Wrong(format!("no states ran: {returned:#}")))?;
        Ok(Self(map.iter().map(|(key, chunk)| (key.clone(), chunk.clone())).collect()))
    }

    /// Ids of the chunks that failed, with their comments.
    pub fn failed(&self) -> BTreeMap<String, String> {
        let failed = self.0.values().filter(|chunk| chunk["result"] == Value::Bool(false));
        failed.map(|chunk| (text(chunk, "__id__"), text(chunk, "comment"))).collect()
    }

    /// Ids of the chunks that changed something, or would.
    pub fn changed(&self) -> Vec<String> {
        self.0.values().filter(|chunk| changes(chunk)).map(|chunk| text(chunk, "__id__")).collect()
    }

    /// Fails if a chunk failed.
    pub fn all_succeeded(&self) -> Result<(), Fault> {
        let failed = self.failed();
        ensure(failed.is_empty(), || format!("failed: {failed:#?}"))
    }

    /// Fails if a chunk changed something, would change something or failed.
    pub fn nothing_to_do(&self) -> Result<(), Fault> {
        self.all_succeeded()?;
        let open: Vec<&Value> =
            self.0.values().filter(|chunk| changes(chunk) || chunk["result"] != Value::Bool(true)).collect();
        ensure(open.is_empty(), || format!("not settled: {open:#?}"))
    }

    /// Fails where this prediction is not what happened: another result, or changes of other things. `inexact` names
    /// chunks whose changes are known only when they happen.
    pub fn came_true(&self, happened: &Self, inexact: &[String]) -> Result<(), Fault> {
        ensure(self.0.keys().eq(happened.0.keys()), || {
            format!("other chunks: {:?}, then {:?}", self.0.keys(), happened.0.keys())
        })?;
        for (key, predicted) in &self.0 {
            let real = &happened.0[key];
            let wrong = |what: &str| format!("{key}: {what}: predicted {predicted:#}, then {real:#}");
            if inexact.contains(&text(predicted, "__id__")) {
                continue;
            }
            let number = |chunk: &Value| chunk["__run_num__"].as_i64();
            let something = || happened.0.values().any(|chunk| number(chunk) < number(predicted) && changes(chunk));
            let provisional = predicted.get("provisional").is_some();
            match &predicted["result"] {
                // What the run did before it may have left nothing to do (a package that starts its own service), or
                // have made what it needs (an environment to install into). That is what the mark says, so something
                // must have been done.
                Value::Null if provisional => {
                    ensure(changes(real) || something(), || wrong("provisional, and nothing happened before it"))?;
                }
                Value::Bool(false) if provisional => {
                    ensure(something(), || wrong("provisional, and nothing happened before it"))?;
                }
                Value::Null => ensure(changes(real), || wrong("a change was predicted and none happened"))?,
                // Some list in a dry run what they would do, with the result of the real one.
                Value::Bool(true) => ensure(changes(real) == changes(predicted), || {
                    wrong("a change happened that was not predicted, or the contrary")
                })?,
                _ => {
                    ensure(real["result"] == Value::Bool(false), || wrong("a failure was predicted and none happened"))?
                }
            }
            // The reference words predicted changes in another way for a new file and for commands; a difference of texts
            // is the same in both.
            let (would, did) = (&predicted["changes"]["diff"], &real["changes"]["diff"]);
            ensure(would.is_null() || did.is_null() || would == did, || wrong("another difference"))?;
        }
        Ok(())
    }
}

fn text(chunk: &Value, name: &str) -> String {
    chunk[name].as_str().unwrap_or_default().to_owned()
}

fn changes(chunk: &Value) -> bool {
    match &chunk["changes"] {
        Value::Object(map) => !map.is_empty(),
        Value::Null => false,
        _ => true,
    }
}
