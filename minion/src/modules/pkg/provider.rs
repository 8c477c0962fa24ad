//! The package manager as a function of `pkg` gets it.

use std::path::PathBuf;

use fleet_common::call::{CallError, Facts};
use fleet_common::value::Value;

use super::change::lock_timeout;
use crate::cx::Look;
use crate::providers::{Provider, provider};
use crate::system::apt::Apt;
use crate::system::dnf::{Dnf, Places};
use crate::system::packages::Packages;

/// The provider's name for dnf; the other one is apt.
const DNF: &str = "yumpkg";

/// What manages packages here; `function` is for the message when nothing does.
pub fn packages<'l>(look: &'l Look, function: &str) -> Result<Box<dyn Packages + 'l>, CallError> {
    if is_dnf(look, function)? { Ok(Box::new(dnf(look, function)?)) } else { Ok(Box::new(apt(look, function)?)) }
}

/// True when dnf manages packages here.
pub fn is_dnf(look: &Look, function: &str) -> Result<bool, CallError> {
    Ok(provider(look, Provider::Pkg, function)? == DNF)
}

/// apt, if it is what manages packages here.
pub fn apt<'l>(look: &'l Look, function: &str) -> Result<Apt<'l>, CallError> {
    if is_dnf(look, function)? {
        return Err(only(function, "apt"));
    }
    let mut apt = Apt::open(look.environment())?;
    if let Some(limit) = lock_timeout(look) {
        apt.lock_timeout = limit;
    }
    Ok(apt)
}

/// dnf, if it is what manages packages here.
pub fn dnf<'l>(look: &'l Look, function: &str) -> Result<Dnf<'l>, CallError> {
    if !is_dnf(look, function)? {
        return Err(only(function, "dnf"));
    }
    let opts = look.opts();
    let path = |key: &str| opts.get(key).and_then(Value::as_str).map(PathBuf::from);
    Ok(Dnf::open(look.environment(), Places { root: path("dnf_root"), config: path("dnf_config") })?)
}

fn only(function: &str, manager: &str) -> CallError {
    CallError::Failed(format!("'{function}' is not available on this system: only {manager} has it"))
}
