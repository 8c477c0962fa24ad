//! `cmd.call` and `cmd.wait_call`: Python functions, which only Python trees can name.

use fleet_common::args;
use fleet_common::value::{Map, Value};

use crate::cx::Act;
use crate::states::{Failure, OpaqueState, StateResult, Trigger};

args! {
    /// Arguments of `cmd.call` and `cmd.wait_call`.
    pub struct Call {
        /// Name of the state.
        name: String,
        /// The function.
        func: Value,
        /// Its arguments by position.
        args: Value = Value::Null,
        /// Its arguments by name.
        kws: Option<Map> = None,
        /// Anything else does nothing.
        **others: Map,
    }
}

impl OpaqueState for Call {
    fn would(&self, act: &Act, trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        self.run(act, trigger)
    }
    fn run(&self, _act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        Err(Failure::new(format!("{}: 'func' must be a Python function, which is not supported yet", self.name)))
    }
}
