//! The seam between a state and the runner: plan, apply, and what both report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fleet_common::call::CallError;
use fleet_common::state::Chunk;
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look};

/// Texts collected for a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Accumulator {
    /// The texts, each once, in the order in which they came.
    pub texts: Vec<Value>,
    /// IDs of the states they are for.
    pub readers: Vec<String>,
}

/// What a run remembers between its chunks; one for each run, shared by chunks that run in parallel.
#[derive(Debug, Default)]
pub struct RunNotes {
    /// Texts that `file.accumulated` collected, by file name, then accumulator name.
    pub accumulators: BTreeMap<String, BTreeMap<String, Accumulator>>,
    /// Things done at most once a run (refreshing a package index), by name.
    pub done: BTreeSet<&'static str>,
}

/// The run as one chunk sees it.
pub struct Run<'r> {
    /// The chunk's ID.
    pub id: &'r str,
    /// The file it is declared in.
    pub sls: &'r str,
    /// Environment of the chunk: where its `salt://` sources come from.
    pub saltenv: &'r str,
    /// Paths that the file states required by the chunk put in place: `clean` leaves them.
    pub kept: &'r [PathBuf],
    notes: &'r Mutex<RunNotes>,
}

impl<'r> Run<'r> {
    /// The view of a chunk on its run.
    pub fn new(chunk: &'r Chunk, kept: &'r [PathBuf], notes: &'r Mutex<RunNotes>) -> Self {
        let saltenv = chunk.env.as_deref().unwrap_or("base");
        Self { id: &chunk.id, sls: chunk.sls.as_deref().unwrap_or_default(), saltenv, kept, notes }
    }
    /// What the run remembers; held only for a moment.
    pub fn notes(&self) -> MutexGuard<'r, RunNotes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A comment and the changes that go with it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The text for a person.
    pub comment: String,
    /// Changes, old to new, in the shape the reference gives them.
    pub changes: Map,
    /// What a watched chunk changed is not to be reacted to.
    pub skip_watch: bool,
}

impl Report {
    /// A report with its comment and no changes.
    pub fn new(comment: impl Into<String>) -> Self {
        Self { comment: comment.into(), ..Self::default() }
    }
    /// Adds a change.
    #[must_use]
    pub fn change(mut self, key: impl Into<Value>, value: impl Into<Value>) -> Self {
        self.changes.insert(key, value);
        self
    }
    /// Uses these changes.
    #[must_use]
    pub fn changes(mut self, changes: Map) -> Self {
        self.changes = changes;
        self
    }
}

/// A state failed: why, and what had changed by then.
#[derive(Debug, Clone, Default, PartialEq, thiserror::Error)]
#[error("{}", .0.comment)]
pub struct Failure(pub Report);

impl Failure {
    /// A failure before anything changed.
    pub fn new(comment: impl Into<String>) -> Self {
        Self(Report::new(comment))
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::new(error.to_string())
    }
}

/// What a state found: nothing to do, or what it would do.
#[derive(Debug, Clone)]
pub enum Plan<T> {
    /// Everything is as asked. The report may carry changes only for states that report without changing (`test.*`).
    Nothing(Report),
    /// Everything is as asked, and a dry run says so in other words.
    Same {
        /// The report of a dry run.
        would: Report,
        /// The report of a real run.
        did: Report,
    },
    /// Something differs.
    Change {
        /// What `apply` is to do.
        todo: T,
        /// The report of a dry run.
        would: Report,
        /// The report of a real run that went as planned.
        did: Report,
    },
}

impl<T> Plan<T> {
    /// The same plan with another form of what is to be done.
    pub fn map<U>(self, other: impl FnOnce(T) -> U) -> Plan<U> {
        match self {
            Self::Nothing(report) => Plan::Nothing(report),
            Self::Same { would, did } => Plan::Same { would, did },
            Self::Change { todo, would, did } => Plan::Change { todo: other(todo), would, did },
        }
    }
}

/// What applying a plan gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Applied {
    /// All went as planned.
    AsPlanned,
    /// It went well, but this is what really happened.
    Really(Report),
}

/// A state that can be planned.
pub trait State {
    /// What a plan hands to `apply`.
    type Todo;
    /// Brings what `plan` reads up to date (a package index). Real runs only: a dry run plans with what is there.
    fn prepare(&self, _act: &Act, _run: &Run<'_>) -> Result<(), Failure> {
        Ok(())
    }
    /// Finds what differs. Reads only; repeatable.
    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Self::Todo>, Failure>;
    /// Does it. Called only for a plan with something to do, and never in a dry run.
    fn apply(&self, act: &Act, todo: Self::Todo) -> Result<Applied, Failure>;
    /// What to do because a watched chunk changed while this one did not; `None` when the state does not react.
    fn on_watch(&self, _look: &Look) -> Option<Result<Plan<Self::Todo>, Failure>> {
        None
    }
}

/// Why an opaque state runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger<'t> {
    /// In its turn.
    Turn,
    /// Because something it watches changed: what, as `state: id`; empty for a listener.
    Watch(&'t [String]),
}

/// A state whose effect cannot be predicted (`cmd.run`, `module.run`, Python states): it plans "would run".
pub trait OpaqueState {
    /// What a dry run says. Gets the whole context only because an author may declare a command of his own as harmless
    /// (`stateful: [test_name: …]`); anything else here reads.
    fn would(&self, act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure>;
    /// Runs it.
    fn run(&self, act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure>;
    /// True when a changed watch runs it again (or for the first time).
    fn watches(&self) -> bool {
        true
    }
}

/// What a chunk comes to, before the runner adds its own facts; also what an opaque state reports.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StateResult {
    /// True: fine; false: failed; none: would change (dry runs only).
    pub result: Option<bool>,
    /// Comment and changes.
    pub report: Report,
    /// Warnings beside the comment.
    pub warnings: Vec<String>,
    /// What stands in the result in the place of the chunk's name.
    pub name: Option<Value>,
}

impl StateResult {
    /// A result with its report.
    pub fn new(result: Option<bool>, report: Report) -> Self {
        Self { result, report, warnings: Vec::new(), name: None }
    }
}

/// A bound state of either kind, as the runner sees it.
pub trait AnyState {
    /// Runs the state in its turn: for real or dry.
    fn turn(&self, act: &Act, run: &Run<'_>, dry: bool) -> StateResult;
    /// Runs what a changed watch asks for; `None` when this state does not react to one.
    fn watch(&self, act: &Act, changed: &[String], dry: bool) -> Option<StateResult>;
}

/// A planned state behind [`AnyState`].
pub struct PlannedState<S>(pub S);

impl<S: State> PlannedState<S> {
    fn carry_out(&self, act: &Act, plan: Result<Plan<S::Todo>, Failure>, dry: bool) -> StateResult {
        match plan {
            Err(failure) => failed(failure),
            Ok(Plan::Nothing(report)) => StateResult::new(Some(true), report),
            Ok(Plan::Same { would, did }) => StateResult::new(Some(true), if dry { would } else { did }),
            Ok(Plan::Change { would, .. }) if dry => StateResult::new(None, would),
            Ok(Plan::Change { todo, did, .. }) => match self.0.apply(act, todo) {
                Ok(Applied::AsPlanned) => StateResult::new(Some(true), did),
                Ok(Applied::Really(report)) => StateResult::new(Some(true), report),
                Err(failure) => failed(failure),
            },
        }
    }
}

impl<S: State> AnyState for PlannedState<S> {
    fn turn(&self, act: &Act, run: &Run<'_>, dry: bool) -> StateResult {
        let ready = if dry { Ok(()) } else { self.0.prepare(act, run) };
        let plan = ready.and_then(|()| self.0.plan(act.look(), run));
        self.carry_out(act, plan, dry)
    }
    fn watch(&self, act: &Act, _changed: &[String], dry: bool) -> Option<StateResult> {
        let plan = self.0.on_watch(act.look())?;
        Some(self.carry_out(act, plan, dry))
    }
}

/// An opaque state behind [`AnyState`].
pub struct OpaqueRun<S>(pub S);

impl<S: OpaqueState> OpaqueRun<S> {
    fn go(&self, act: &Act, trigger: Trigger, dry: bool) -> StateResult {
        let answer = if dry { self.0.would(act, trigger) } else { self.0.run(act, trigger) };
        match answer {
            Ok(result) => result,
            Err(failure) => failed(failure),
        }
    }
}

impl<S: OpaqueState> AnyState for OpaqueRun<S> {
    fn turn(&self, act: &Act, _run: &Run<'_>, dry: bool) -> StateResult {
        self.go(act, Trigger::Turn, dry)
    }
    fn watch(&self, act: &Act, changed: &[String], dry: bool) -> Option<StateResult> {
        self.0.watches().then(|| self.go(act, Trigger::Watch(changed), dry))
    }
}

fn failed(failure: Failure) -> StateResult {
    StateResult::new(Some(false), failure.0)
}
