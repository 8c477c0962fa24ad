//! The walk over ordered chunks: each is run once, after what it requires, by a [`ChunkRunner`].
//!
//! Requisites are resolved once ([`super::graph`]); the walk keeps its own stack, so depth is bounded by memory only.
//! Texts of skipped and refused chunks are those of the reference.

use super::chunk::Chunk;
use super::graph::Graph;
use super::result::{ChunkResult, Outcome, Report};
use super::walk::Walk;

/// A way to start jobs beside the walk.
pub type Start<'a, 's> = dyn Fn(Job<'s>) + 'a;

/// Runs state functions: the minion's states, the master's orchestration, a fake in tests.
pub trait ChunkRunner: Sync {
    /// Calls the chunk's function with its guards, options and retries and waits for its answer. Never panics.
    fn run(&self, invocation: &Invocation<'_>) -> Outcome;

    /// True if the state module reacts to watched changes (`mod_watch`).
    fn has_mod_watch(&self, state: &str) -> bool;

    /// Gives `walk` a way to start jobs beside itself (`parallel: True`) and returns when the walk and all jobs have
    /// ended. A runner without threads runs each job at once.
    fn beside<'s>(&'s self, walk: &mut dyn FnMut(&Start<'_, 's>)) {
        walk(&|job| job());
    }

    /// Told of every result as it is known, in no particular order; `total` is the number of chunks.
    fn finished(&self, result: &ChunkResult, total: usize) {
        let _ = (result, total);
    }
}

/// A call that runs beside the walk.
pub type Job<'s> = Box<dyn FnOnce() + Send + 's>;

/// One call of a state function.
pub struct Invocation<'c> {
    /// What to run.
    pub chunk: &'c Chunk,
    /// Whether the machine may be changed.
    pub mode: Mode,
    /// Set when the module's `mod_watch` is to run instead of the function: the watched chunks that changed.
    pub watch: Option<Vec<&'c Chunk>>,
}

/// Whether a call may change the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It does what it says.
    Real,
    /// It says what it would do.
    Dry,
}

/// How to run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Dry run (`test=True`).
    pub test: bool,
    /// Stop at the first failure unless a chunk says otherwise (`failhard`).
    pub failhard: bool,
    /// Run only this ID and what it requires (`state.sls_id`).
    pub only: Option<String>,
    /// Chunks with `parallel: True` that run at the same time at most.
    pub parallel: usize,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { test: false, failhard: false, only: None, parallel: 16 }
    }
}

/// Runs the chunks, then the listeners whose states changed.
pub fn run<'s>(runner: &'s dyn ChunkRunner, chunks: &'s [Chunk], options: &RunOptions) -> Report {
    let graph = Graph::build(chunks, &|state| runner.has_mod_watch(state));
    let mut report = Report::default();
    runner.beside(&mut |start| report = Walk::new(runner, chunks, options, &graph, start).run());
    report
}
