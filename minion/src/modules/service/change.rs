//! Functions of `service` that change what runs, and what starts with the system.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::Map;

use super::provider::{services, systemd};
use crate::cx::Act;
use crate::system::services::{Order, Services};

args! {
    /// Arguments of the functions that start and reload.
    pub struct Starting {
        /// The service.
        name: String,
        /// Only queue it; do not wait.
        no_block: Option<bool> = None,
        /// Take the mask away before.
        unmask: bool = false,
        /// Take the mask away before that lasts until the system stops.
        unmask_runtime: bool = false,
    }
}

args! {
    /// Arguments of `service.stop`.
    pub struct Stopping {
        /// The service.
        name: String,
        /// Only queue it; do not wait.
        no_block: Option<bool> = None,
    }
}

args! {
    /// Arguments of `service.enable` and `service.disable`.
    pub struct Setting {
        /// The service.
        name: String,
        /// Not used: there is nothing to wait for.
        no_block: Option<bool> = None,
        /// Take the mask away before.
        unmask: bool = false,
        /// Take the mask away before that lasts until the system stops.
        unmask_runtime: bool = false,
        /// Directory of another system whose unit files are meant.
        root: Option<String> = None,
        /// Not used.
        **kwargs: Map,
    }
}

args! {
    /// Arguments of `service.mask` and `service.unmask`.
    pub struct Masking {
        /// The service.
        name: String,
        /// Until the system stops only.
        runtime: bool = false,
        /// Directory of another system whose unit files are meant.
        root: Option<String> = None,
    }
}

/// Takes masks away, those of the kinds asked for; true if there was one.
pub fn unmask(services: &Services, name: &str, lasting: bool, runtime: bool) -> Result<bool, CallError> {
    let mut done = false;
    for (asked, runtime) in [(lasting, false), (runtime, true)] {
        if asked {
            let systemd = services.systemd("taking a mask away")?;
            if systemd.is_masked(name, runtime)? {
                systemd.mask(name, false, runtime)?;
                done = true;
            }
        }
    }
    Ok(done)
}

pub(super) fn start(act: &Act, function: &str, arguments: Arguments, order: Order) -> CallResult {
    let args = Starting::bind(function, arguments)?;
    let services = services(act, function)?;
    unmask(&services, &args.name, args.unmask, args.unmask_runtime)?;
    Ok(services.order(order, &args.name, !args.no_block.unwrap_or(false))?.into())
}

pub(super) fn stop(act: &Act, arguments: Arguments) -> CallResult {
    let args = Stopping::bind("service.stop", arguments)?;
    let services = services(act, "service.stop")?;
    Ok(services.order(Order::Stop, &args.name, !args.no_block.unwrap_or(false))?.into())
}

pub(super) fn set(act: &Act, function: &'static str, arguments: Arguments, order: Order) -> CallResult {
    let args = Setting::bind(function, arguments)?;
    let services = match args.root {
        None => services(act, function)?,
        root => Services::Systemd(systemd(act, function, root)?),
    };
    unmask(&services, &args.name, args.unmask, args.unmask_runtime)?;
    Ok(services.order(order, &args.name, true)?.into())
}

pub(super) fn mask(act: &Act, function: &'static str, arguments: Arguments, mask: bool) -> CallResult {
    let args = Masking::bind(function, arguments)?;
    let systemd = systemd(act, function, args.root)?;
    if systemd.is_masked(&args.name, args.runtime)? != mask {
        let verb = if mask { "mask" } else { "unmask" };
        systemd.mask(&args.name, mask, args.runtime).map_err(|error| {
            CallError::Failed(format!("Failed to {verb} service '{}'. Additional info follows:\n\n{error}", args.name))
        })?;
    }
    Ok(true.into())
}

pub(super) fn reload_files(act: &Act, arguments: Arguments) -> CallResult {
    super::query::Nothing::bind("service.systemctl_reload", arguments)?;
    let done = systemd(act, "service.systemctl_reload", None)?.reload_files();
    done.map_err(|error| CallError::Failed(format!("Problem performing systemctl daemon-reload: {error}")))?;
    Ok(true.into())
}
