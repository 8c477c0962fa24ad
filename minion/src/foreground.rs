//! Functions called in the foreground: `saltcall --local`, and tests.
//!
//! There is no daemon and no master: grains are collected here, pillar is compiled from `pillar_roots`,
//! events go nowhere.

use std::sync::Arc;

use fleet_common::call::CallError;
use fleet_common::ids::Jid;
use fleet_common::pillar::{Fault, Pillar, Wanted};
use fleet_common::proto::request::{Reply, Request};
use fleet_common::value::{Map, Value};

use crate::cx::{Daemon, RunningJob};

/// Collects data again.
pub type Collect = Box<dyn Fn() -> Result<Map, CallError> + Send + Sync>;

/// Compiles the pillar that is wanted.
pub type Compile = Box<dyn Fn(Wanted) -> Pillar + Send + Sync>;

/// The stand-in for the daemon in a foreground call.
pub struct Foreground {
    grains: Collect,
    pillar: Compile,
}

impl Foreground {
    /// A stand-in that answers questions for grains and pillar with these.
    pub fn new(grains: Collect, pillar: Compile) -> Self {
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
    fn refresh_pillar(&self, wanted: &Wanted) -> Result<Arc<Map>, CallError> {
        let Pillar { data, faults, .. } = (self.pillar)(wanted.clone());
        if faults.is_empty() {
            return Ok(Arc::new(data));
        }
        let faults: Vec<String> = faults.iter().map(Fault::text).collect();
        Err(CallError::Failed(faults.join("\n")))
    }
    fn compile_pillar(&self, wanted: &Wanted) -> Result<Arc<Map>, CallError> {
        Ok(Arc::new((self.pillar)(wanted.clone()).into_map()))
    }
    fn fire_event(&self, _: &str, _: &Value) -> Result<(), CallError> {
        Ok(())
    }
    fn ask_master(&self, request: Request) -> Result<Reply, CallError> {
        Err(CallError::Failed(format!("there is no master in this call that could be asked ({})", request.name())))
    }
    fn has_master(&self) -> bool {
        false
    }
    fn chunk_done(&self, _: u32, _: u32, _: &str, _: &Value) {}
}
