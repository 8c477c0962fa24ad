//! From a chunk's arguments to a bound state.

use fleet_common::call::{ArgError, Arguments};
use fleet_common::value::Map;

use super::{AnyState, StateFunction};

/// Binds the arguments of a chunk (those that are the state's own, `name` among them).
pub fn bind(function: &StateFunction, name: &str, arguments: Map) -> Result<Box<dyn AnyState>, ArgError> {
    (function.make)(name, Arguments { positional: Vec::new(), keyword: arguments })
}
