//! `mock=True`: a run that calls no state. It shows the order of the chunks and what their requisites decide.

use fleet_common::state::{ChunkRunner, Invocation, Outcome};

/// Says of every chunk that it succeeded without changes.
pub struct MockRunner;

impl ChunkRunner for MockRunner {
    fn run(&self, _: &Invocation<'_>) -> Outcome {
        Outcome::new(Some(true), "Not called, mocked")
    }

    // Nothing changes, so nothing is ever watched.
    fn has_mod_watch(&self, _: &str) -> bool {
        true
    }
}
