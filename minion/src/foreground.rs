//! Functions called in the foreground: `saltcall --local`, and tests.
//!
//! There is no daemon and no master: grains are collected here, pillar is compiled from `pillar_roots`,
//! events go nowhere.

use std::sync::Arc;

use fleet_common::call::CallError;
use fleet_common::ids::Jid;
use fleet_common::value::{Map, Value};

use crate::cx::{Daemon, RunningJob};

/// Collects data again.
pub type Collect = Box<dyn Fn() -> Result<Map, CallError> + Send + Sync>;

/// The stand-in for the daemon in a foreground call.
pub struct Foreground {
    grains: Collect,
    pillar: Collect,
}

impl Foreground {
    /// A stand-in that answers `refresh_grains` and `refresh_pillar` with these.
    pub fn new(grains: Collect, pillar: Collect) -> Self {
        Self { grains, pillar }
    }
}

impl Daemon for Foreground {
    fn running(&self) -> Vec<RunningJob> {
        Vec::new()
    }
    fn signal_job(&self, _: &Jid, _: i32) -> bool {
        false
    }
    fn refresh_grains(&self) -> Result<Arc<Map>, CallError> {
        (self.grains)().map(Arc::new)
    }
    fn refresh_pillar(&self, _: Option<&str>, _: Option<&str>, overrides: &Map) -> Result<Arc<Map>, CallError> {
        let mut pillar = (self.pillar)()?;
        pillar.extend(overrides.iter().map(|(name, value)| (name.clone(), value.clone())));
        Ok(Arc::new(pillar))
    }
    fn fire_event(&self, _: &str, _: &Value) -> Result<(), CallError> {
        Ok(())
    }
    fn chunk_done(&self, _: u32, _: u32, _: &str, _: &Value) {}
}
