//! A minion as its pillar's templates see it.

use std::sync::Arc;

use fleet_common::call::{Arguments, Call, CallError, CallResult, Facts};
use fleet_common::files::FileSource;
use fleet_common::ids::MinionId;
use fleet_common::value::Map;

/// What templates are told.
pub struct Described {
    pub id: MinionId,
    pub grains: Arc<Map>,
    pub opts: Arc<Map>,
    pub files: Arc<dyn FileSource>,
    pub caller: Arc<dyn Call>,
}

impl Facts for Described {
    fn id(&self) -> &str {
        self.id.as_str()
    }
    fn grains(&self) -> Arc<Map> {
        self.grains.clone()
    }
    fn pillar(&self) -> Arc<Map> {
        Arc::default()
    }
    fn opts(&self) -> Arc<Map> {
        self.opts.clone()
    }
    fn files(&self) -> Option<Arc<dyn FileSource>> {
        Some(self.files.clone())
    }
    fn caller(&self) -> Arc<dyn Call> {
        self.caller.clone()
    }
}

/// The master runs no function with an effect for a template.
pub struct NoCalls;

impl Call for NoCalls {
    fn call(&self, function: &str, _: Arguments) -> CallResult {
        Err(CallError::Unsupported(format!("'{function}' in a pillar template on the master")))
    }
    fn exists(&self, _: &str) -> bool {
        false
    }
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}
