//! apt as a function of `pkg` gets it.

use fleet_common::call::CallError;

use super::change::lock_timeout;
use crate::cx::Look;
use crate::providers::{Provider, provider};
use crate::system::apt::Apt;

/// apt, if it is what manages packages here; `function` is for the message otherwise.
pub fn apt<'l>(look: &'l Look, function: &str) -> Result<Apt<'l>, CallError> {
    provider(look, Provider::Pkg, function)?;
    let mut apt = Apt::open(look.environment())?;
    if let Some(limit) = lock_timeout(look) {
        apt.lock_timeout = limit;
    }
    Ok(apt)
}
