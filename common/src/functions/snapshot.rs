//! The facts of a call, kept for a render that the call starts.

use std::sync::Arc;

use crate::call::{Call, Facts};
use crate::files::FileSource;
use crate::render::Scope;
use crate::value::{Map, Value};

/// Facts as they are now, to outlive the call that borrowed them.
struct Snapshot {
    id: String,
    grains: Arc<Map>,
    pillar: Arc<Map>,
    opts: Arc<Map>,
    files: Option<Arc<dyn FileSource>>,
    caller: Arc<dyn Call>,
}

impl Facts for Snapshot {
    fn id(&self) -> &str {
        &self.id
    }
    fn grains(&self) -> Arc<Map> {
        self.grains.clone()
    }
    fn pillar(&self) -> Arc<Map> {
        self.pillar.clone()
    }
    fn opts(&self) -> Arc<Map> {
        self.opts.clone()
    }
    fn files(&self) -> Option<Arc<dyn FileSource>> {
        self.files.clone()
    }
    fn caller(&self) -> Arc<dyn Call> {
        self.caller.clone()
    }
}

/// The environment of a call without one of its own.
pub(super) fn environment(facts: &dyn Facts) -> String {
    facts.opts().get("saltenv").and_then(Value::as_str).unwrap_or("base").to_owned()
}

/// What a template sees that a function renders.
pub(super) fn scope(facts: &dyn Facts, saltenv: String, context: Map) -> Scope {
    let snapshot = Snapshot {
        id: facts.id().to_owned(),
        grains: facts.grains(),
        pillar: facts.pillar(),
        opts: facts.opts(),
        files: facts.files(),
        caller: facts.caller(),
    };
    Scope { saltenv, facts: Arc::new(snapshot), context }
}
