//! What manages services here, as a function of `service` gets it.

use fleet_common::call::CallError;

use crate::cx::Look;
use crate::providers::{Provider, provider};
use crate::system::services::{ServiceError, Services, Systemd, Sysv};

impl From<ServiceError> for CallError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Name(_) => Self::Invocation(error.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// What manages services here; `function` is for the message when there is nothing.
pub fn services(look: &Look, function: &str) -> Result<Services, CallError> {
    Ok(match provider(look, Provider::Service, function)? {
        "systemd_service" => Services::Systemd(Systemd::default()),
        _ => Services::Sysv(Sysv),
    })
}

/// systemd, below another root if one is given; `function` is for the message when it is not what runs here.
pub fn systemd(look: &Look, function: &'static str, root: Option<String>) -> Result<Systemd, CallError> {
    services(look, function)?.systemd(function)?;
    Ok(Systemd { root })
}
