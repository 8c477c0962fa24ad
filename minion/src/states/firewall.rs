//! Keeping the kernel's rules for the next start, as the states of iptables and of nftables do it.

use std::path::PathBuf;

use fleet_common::call::CallError;
use fleet_common::value::Value;

use super::{Applied, Failure, Report};

/// The file that rules are to be kept in, if any: what a state's `save` asks for, unless `is_kept` says of the file
/// that it holds them. `changing` when the rules will be others, which no file holds yet; `usual` is the file when
/// none is named.
pub fn to_save(
    asked: &Value,
    usual: PathBuf,
    changing: bool,
    is_kept: impl FnOnce(&PathBuf) -> Result<bool, CallError>,
) -> Result<Option<PathBuf>, Failure> {
    let path = match asked {
        Value::Str(path) if path.starts_with('/') => PathBuf::from(path),
        Value::Bool(true) => usual,
        Value::Bool(false) | Value::Null => return Ok(None),
        _ => return Err(Failure::new("save is true, false or the path of a file")),
    };
    if !changing && is_kept(&path)? {
        return Ok(None);
    }
    Ok(Some(path))
}

/// The state of `name` when its rules were to be kept; a failure says that they are in use all the same.
pub fn kept<T>(saved: Result<T, CallError>, name: &str, changed: bool) -> Result<Applied, Failure> {
    match saved {
        Ok(_) => Ok(Applied::AsPlanned),
        Err(error) => {
            let report = Report::new(format!("the rules are in use, but not kept for the next start: {error}"));
            Err(Failure(if changed { report.change("locale", name) } else { report }))
        }
    }
}
