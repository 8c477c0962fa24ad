//! `sdb.*`: values behind `sdb://` addresses. No store is supported yet; other text stands for itself.

use crate::args;
use crate::call::{CallError, Code, Function, Module, PureModule};
use crate::value::Value;

/// The module.
pub const MODULE: PureModule = Module {
    name: "sdb",
    doc: "Values behind sdb:// addresses.",
    functions: &[Function {
        name: "get",
        quick: true,
        doc: "The value behind an address; text that is none is returned as it is.",
        example: "sdb.get sdb://mymemcached/foo",
        args: Get::ROWS,
        code: Code::Reads(|_, arguments| {
            let uri = Get::bind("sdb.get", arguments)?.uri;
            match uri.as_str() {
                Some(text) if text.starts_with("sdb://") => {
                    Err(CallError::Unsupported(format!("sdb.get of {text}: no store")))
                }
                _ => Ok(uri.into()),
            }
        }),
    }],
};

args! {
    /// Arguments of `sdb.get`.
    pub struct Get {
        /// The address.
        uri: Value,
        /// Fail when there is no value.
        strict: bool = false,
    }
}
