//! `config.*`: the master's configuration, without its secrets.

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult};
use fleet_common::value::Value;
use fleet_common::value::path::traverse_map;

use super::context::{Context, Module, reads};

/// The module.
pub const MODULE: Module = Module {
    name: "config",
    doc: "The master's configuration.",
    functions: &[reads(
        "get",
        "A value of the configuration as it is written.",
        "config.get file_roots:base",
        Get::ROWS,
        get,
    )],
};

args! {
    /// Arguments of `config.get`.
    pub struct Get {
        /// The key; parts are separated by the delimiter.
        key: String,
        /// Answered when there is no such key.
        default: Value = Value::from(""),
        /// What separates the parts of a key.
        delimiter: String = ":".to_owned(),
    }
}

fn get(context: &Context, arguments: Arguments) -> CallResult {
    let wanted = Get::bind("config.get", arguments)?;
    let found = traverse_map(&context.api.options, &wanted.key, &wanted.delimiter);
    Ok(found.cloned().unwrap_or(wanted.default).into())
}
