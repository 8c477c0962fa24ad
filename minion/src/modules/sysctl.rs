//! `sysctl.*`: settings of the kernel, now and for the next start.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::Map;

use crate::cx::{Look, Module};
use crate::system::sysctl::{self, Kernel, SysctlError, plain_value};

/// The module.
pub const MODULE: Module = Module {
    name: "sysctl",
    doc: "Settings of the kernel.",
    functions: &[
        Function::reads(
            "default_config",
            "The file that settings are kept in unless one is named.",
            "sysctl.default_config",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("sysctl.default_config", arguments)?;
                Ok(sysctl::default_file().into())
            },
        ),
        Function::reads(
            "show",
            "All settings of the running kernel, or those of a file.",
            "sysctl.show /etc/sysctl.conf",
            Show::ROWS,
            show,
        ),
        Function::reads(
            "get",
            "The value of a setting now.",
            "sysctl.get net.ipv4.ip_forward",
            Name::ROWS,
            |_, arguments| {
                let name = Name::bind("sysctl.get", arguments)?.name;
                Ok(Kernel::default().get(&name).map_err(failed)?.into())
            },
        ),
        Function::changes(
            "assign",
            "Sets a value until the next start.",
            "sysctl.assign net.ipv4.ip_forward 1",
            Assign::ROWS,
            |_, arguments| {
                let Assign { name, value } = Assign::bind("sysctl.assign", arguments)?;
                let now = Kernel::default().assign(&name, &value).map_err(failed)?;
                Ok(Map::from_iter([(name, now)]).into())
            },
        ),
        Function::changes(
            "persist",
            "Sets a value and keeps it in a file: `Updated` or `Already set`.",
            "sysctl.persist net.ipv4.ip_forward 1",
            Persist::ROWS,
            |_, arguments| {
                let args = Persist::bind("sysctl.persist", arguments)?;
                let file = args.config.unwrap_or_else(|| sysctl::default_file().to_owned());
                let changed = persist(&args.name, &args.value, Path::new(&file)).map_err(failed)?;
                Ok(if changed { "Updated" } else { "Already set" }.into())
            },
        ),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// Arguments of `sysctl.show`.
    pub struct Show {
        /// A file of settings instead of the running kernel.
        config_file: Option<String> = None,
    }
}

args! {
    /// A setting.
    pub struct Name {
        /// Its name (`net.ipv4.ip_forward`).
        name: String,
    }
}

args! {
    /// Arguments of `sysctl.assign`.
    pub struct Assign {
        /// The setting.
        name: String,
        /// Its value.
        value: String,
    }
}

args! {
    /// Arguments of `sysctl.persist`.
    pub struct Persist {
        /// The setting.
        name: String,
        /// Its value.
        value: String,
        /// The file that keeps it.
        config: Option<String> = None,
    }
}

fn failed(error: SysctlError) -> CallError {
    CallError::Failed(error.to_string())
}

fn show(_look: &Look, arguments: Arguments) -> CallResult {
    let Some(file) = Show::bind("sysctl.show", arguments)?.config_file else {
        return Ok(Kernel::default().all().into_iter().collect::<Map>().into());
    };
    match sysctl::read(Path::new(&file)).map_err(failed)? {
        Some(settings) => Ok(settings.into_iter().collect::<Map>().into()),
        None => Ok(Vec::<String>::new().into()),
    }
}

/// True if a setting has this value in the file and in the kernel.
pub fn settled(name: &str, value: &str, file: &Path) -> Result<bool, SysctlError> {
    let kept = sysctl::read(file)?.unwrap_or_default();
    let kept = kept.iter().rev().find(|(known, _)| known == name);
    let fits = |now: &str| plain_value(now) == plain_value(value);
    Ok(kept.is_some_and(|(_, kept)| fits(kept)) && fits(&Kernel::default().get(name)?))
}

/// Sets a value and keeps it; false when that was so already. The kernel is asked first: a value that it refuses is
/// not kept.
pub fn persist(name: &str, value: &str, file: &Path) -> Result<bool, SysctlError> {
    if settled(name, value, file)? {
        return Ok(false);
    }
    Kernel::default().assign(name, value)?;
    sysctl::keep(file, name, value)?;
    Ok(true)
}
