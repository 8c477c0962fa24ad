//! What all of these states do with their file: keep it, or write it through `file.managed`.

use std::path::Path;

use fleet_common::value::{Map, Value};

use crate::cx::Act;
use crate::pki::MOST;
use crate::states::{AnyState, Failure, Report, Run, StateResult, bind};
use crate::system::fs::read_bounded;

/// `file.managed` with these arguments beside those of the declaration.
pub(super) fn managed(state: &str, name: &str, declared: &Map, own: Map) -> Result<Box<dyn AnyState>, Failure> {
    for key in ["source", "contents", "contents_pillar", "contents_grains", "template"] {
        if declared.contains(key) {
            return Err(Failure::new(format!("{state} has no argument '{key}': it says itself what the file holds")));
        }
    }
    let mut arguments = Map::from_iter([("name", name)]);
    arguments.extend(own);
    arguments.extend(declared.clone());
    let function = crate::states::file::STATE.functions.iter().find(|function| function.name == "managed");
    let function = function.ok_or_else(|| Failure::new("there is no file.managed"))?;
    bind(function, state, arguments).map_err(|error| Failure::new(error.to_string()))
}

pub(super) fn settled(result: Result<StateResult, Failure>) -> StateResult {
    result.unwrap_or_else(|failure| StateResult::new(Some(false), failure.0))
}

/// What is in a file; `None` when there is none.
pub(super) fn held(name: &str) -> Result<Option<Vec<u8>>, Failure> {
    match read_bounded(Path::new(name), MOST) {
        Err(fault) if fault.is_missing() => Ok(None),
        bytes => bytes.map(Some).map_err(|fault| Failure::new(fault.to_string())),
    }
}

/// What is to be done with a file, with the changes that are told.
pub(super) enum Verdict {
    /// It is as it should be.
    Keep,
    /// It is not there, or nothing that can be read.
    Create(Map),
    /// It is another.
    Recreate(Map),
}

impl Verdict {
    /// For a file that is not there.
    pub fn missing(name: &str) -> Self {
        Self::Create(Map::from_iter([("created", name)]))
    }

    /// For a file that differs, or does not.
    pub fn of(changes: Map) -> Self {
        if changes.is_empty() { Self::Keep } else { Self::Recreate(changes) }
    }
}

/// The file of a state.
pub(super) struct File<'a> {
    /// The state.
    pub state: &'static str,
    /// What is in the file.
    pub noun: &'static str,
    /// Its path.
    pub name: &'a str,
    /// Arguments of `file.managed` in the declaration.
    pub declared: &'a Map,
}

impl File<'_> {
    /// Does what was found to be done. `own` are arguments of `file.managed` that the declaration may say otherwise;
    /// `content` makes what is written, in a real run only.
    pub fn settle(
        &self,
        act: &Act,
        run: &Run<'_>,
        dry: bool,
        verdict: Verdict,
        own: Map,
        content: impl FnOnce() -> Result<Value, Failure>,
    ) -> Result<StateResult, Failure> {
        let mut own = own;
        own.insert("show_changes", false);
        let written = |own: Map| managed(self.state, self.name, self.declared, own);
        let (changes, verb) = match verdict {
            Verdict::Keep => {
                own.insert("replace", false);
                let mut result = written(own)?.turn(act, run, dry);
                if result.result != Some(false) {
                    result.report.comment = format!("The {} is in the correct state", self.noun);
                }
                return Ok(result);
            }
            Verdict::Create(changes) => (changes, "created"),
            Verdict::Recreate(changes) => (changes, "recreated"),
        };
        let report =
            |words: &str| Report::new(format!("The {} {words} been {verb}", self.noun)).changes(changes.clone());
        if dry {
            own.insert("replace", verb == "created");
            let inner = written(own)?.turn(act, run, true);
            return Ok(match inner.result {
                Some(false) => not_written(inner),
                _ => StateResult::new(None, report("would have")),
            });
        }
        own.insert("contents", content()?);
        let inner = written(own)?.turn(act, run, false);
        Ok(match inner.result {
            Some(true) => StateResult::new(Some(true), report("has")),
            _ => not_written(inner),
        })
    }
}

fn not_written(inner: StateResult) -> StateResult {
    let comment = format!("Could not create file, see file.managed output: {}", inner.report.comment);
    StateResult::new(Some(false), Report::new(comment))
}

/// What was made, as a file's content: text as it is.
pub(super) fn content(made: Vec<u8>, is_text: bool) -> Value {
    if is_text { String::from_utf8_lossy(&made).into_owned().into() } else { Value::Bytes(made) }
}

/// The arguments of a declaration, parted into those of the certificate (or request, or list) and those of its file.
pub(super) fn parted(all: &Map, is_own: fn(&str) -> bool) -> (Map, Map) {
    let of = |own: bool| {
        let pairs = all.iter().filter(|(key, _)| key.as_str().is_some_and(is_own) == own);
        pairs.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    (of(true), of(false))
}
