//! `file.exists` and `file.missing`: checks that change nothing.

use std::path::Path;

use fleet_common::args;

use crate::cx::Act;
use crate::states::{Failure, OpaqueState, Report, StateResult, Trigger};

args! {
    /// Arguments of `file.exists` and `file.missing`.
    pub struct Presence {
        /// The path.
        name: String,
    }
}

/// `file.exists`.
pub struct Exists(pub Presence);
/// `file.missing`.
pub struct Missing(pub Presence);

impl OpaqueState for Exists {
    fn would(&self, _act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        let name = &self.0.name;
        if name.is_empty() {
            return Err(Failure::new("Must provide name to file.exists"));
        }
        if !Path::new(name).exists() {
            return Err(Failure::new(format!("Specified path {name} does not exist")));
        }
        Ok(StateResult::new(Some(true), Report::new(format!("Path {name} exists"))))
    }
    fn run(&self, act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        self.would(act, trigger)
    }
    fn watches(&self) -> bool {
        false
    }
}

impl OpaqueState for Missing {
    fn would(&self, _act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        let name = &self.0.name;
        if name.is_empty() {
            return Err(Failure::new("Must provide name to file.missing"));
        }
        if Path::new(name).exists() {
            return Err(Failure::new(format!("Specified path {name} exists")));
        }
        Ok(StateResult::new(Some(true), Report::new(format!("Path {name} is missing"))))
    }
    fn run(&self, act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        self.would(act, trigger)
    }
    fn watches(&self) -> bool {
        false
    }
}
