//! `cp.*` that only read: files of the tree as text.

use crate::args;
use crate::call::{Arguments, CallError, CallResult, Code, Facts, Function, Module, PureModule};
use crate::value::Value;

/// The module.
pub const MODULE: PureModule = Module {
    name: "cp",
    doc: "Files of the tree as text.",
    functions: &[Function {
        name: "get_file_str",
        quick: true,
        doc: "The content of a file of the tree, or False when there is none.",
        example: "cp.get_file_str salt://my/file",
        args: GetFileStr::ROWS,
        code: Code::Reads(get_file_str),
    }],
};

args! {
    /// Arguments of `cp.get_file_str`.
    pub struct GetFileStr {
        /// The file (`salt://...`).
        path: String,
        /// The environment.
        saltenv: Option<String> = None,
    }
}

fn get_file_str(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let GetFileStr { path, saltenv } = GetFileStr::bind("cp.get_file_str", arguments)?;
    let Some(path) = path.strip_prefix("salt://") else {
        return Err(CallError::Unsupported(format!("cp.get_file_str of {path}: only salt:// paths are")));
    };
    let (path, query) = path.split_once("?saltenv=").map_or((path, None), |(path, env)| (path, Some(env.to_owned())));
    let opts = facts.opts();
    let configured = opts.get("saltenv").and_then(Value::as_str).map(str::to_owned);
    let saltenv = query.or(saltenv).or(configured).unwrap_or_else(|| "base".to_owned());
    let Some(files) = facts.files() else { return Ok(false.into()) };
    match files.read(&saltenv, path) {
        Ok(Some(bytes)) => Ok(String::from_utf8_lossy(&bytes).into_owned().into()),
        Ok(None) => Ok(false.into()),
        Err(error) => Err(CallError::Failed(error.to_string())),
    }
}
