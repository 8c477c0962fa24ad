//! Keeping links, bonds, routes and settings, and putting them in force: what functions and states have in common.

use std::path::Path;

use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::Value;

use super::link::Wanted;
use super::settings::Settings;
use super::{Build, bond, link, routes};
use crate::cx::{Act, Look};
use crate::modules::tool;
use crate::providers;
use crate::system::fs::{WriteOptions, write_atomic};

/// Other systems keep their links elsewhere.
pub fn debian(look: &Look, function: &str) -> Result<(), CallError> {
    if providers::is_family(look, "Debian") {
        return Ok(());
    }
    Err(CallError::Unsupported(format!("{function} on systems that are not of Debian's family")))
}

/// Lines as a value.
pub(super) fn told(lines: Vec<String>) -> Value {
    lines.into_iter().collect()
}

/// Lines as a value; an empty text for none.
pub(super) fn told_or_empty(lines: Vec<String>) -> Value {
    if lines.is_empty() { Value::from("") } else { told(lines) }
}

fn lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// `ip.build_interface`.
pub(super) fn build_interface(act: &Act, arguments: Arguments) -> CallResult {
    debian(act, "ip.build_interface")?;
    let Build { iface, iface_type, enabled, test, options } = Build::bind("ip.build_interface", arguments)?;
    let lines = Wanted { iface: &iface, kind: &iface_type, enabled, options: &options }.lines()?;
    if !test {
        install_helper(act, &iface_type)?;
        store_link(act, &iface, &lines)?;
    }
    Ok(told(lines).into())
}

/// Installs what `ifup` needs for links of a type.
pub fn install_helper(act: &Act, kind: &str) -> Result<(), CallError> {
    match link::missing_package(kind) {
        Some(package) => act.run("pkg.install", Arguments::positional([package])).map(drop),
        None => Ok(()),
    }
}

/// Writes the lines of a link into the table.
pub fn store_link(_act: &Act, iface: &str, lines: &[String]) -> Result<(), CallError> {
    let old = link::load()?;
    let new = link::replaced(&old, iface, lines);
    if new == old { Ok(()) } else { link::store(&new) }
}

/// What the kernel's module is told of a bond.
pub fn bond_now(iface: &str) -> Result<Vec<String>, CallError> {
    Ok(lines(&tool::table(&bond::file(link::checked(iface)?))?))
}

/// Tells the kernel's module of a bond.
pub fn store_bond(_act: &Act, iface: &str, lines: &[String]) -> Result<(), CallError> {
    tool::store(&bond::file(link::checked(iface)?), &lines.concat())
}

/// The scripts of a link's routes as they are, in lines.
pub fn routes_now(iface: &str) -> Result<Vec<String>, CallError> {
    let iface = link::checked(iface)?;
    let mut all = Vec::new();
    for (directory, _) in routes::SCRIPTS {
        all.extend(lines(&tool::table(&routes::file(directory, iface))?));
    }
    Ok(all)
}

/// The scripts of a link's routes as they would be, in lines.
pub fn routes_then(iface: &str, wanted: &Value) -> Result<Vec<String>, CallError> {
    let iface = link::checked(iface)?;
    let mut all = Vec::new();
    for (_, verb) in routes::SCRIPTS {
        all.extend(routes::script(iface, verb, wanted)?);
    }
    Ok(all)
}

/// Writes the scripts of a link's routes.
pub fn store_routes(_act: &Act, iface: &str, wanted: &Value) -> Result<(), CallError> {
    let iface = link::checked(iface)?;
    for (directory, verb) in routes::SCRIPTS {
        let script = routes::script(iface, verb, wanted)?.concat();
        let options = WriteOptions { mode: Some(0o755), ..WriteOptions::default() };
        write_atomic(&routes::file(directory, iface), script.as_bytes(), &options)
            .map_err(|fault| CallError::Failed(fault.to_string()))?;
    }
    Ok(())
}

/// Gives the machine its name if asked to, and configures all links anew unless that waits for the next start.
pub fn apply(act: &Act, wanted: &Settings) -> Result<(), CallError> {
    if wanted.apply_hostname {
        let name = wanted
            .hostname
            .as_deref()
            .ok_or_else(|| CallError::Invocation("apply_hostname needs the name: give hostname, too".to_owned()))?;
        act.run("network.mod_hostname", Arguments::positional([name]))?;
    }
    if !wanted.require_reboot {
        restart(act)?;
    }
    Ok(())
}

/// Configures all links anew.
pub fn restart(act: &Act) -> Result<(), CallError> {
    let done = act.run("service.restart", Arguments::positional(["networking"]))?;
    if done.value.truthy() {
        return Ok(());
    }
    Err(CallError::Failed("service networking could not be restarted: 'service networking status' says why".to_owned()))
}

/// True if `ifup` has configured a link and `ifdown` has not ended it.
pub fn is_configured(iface: &str) -> Result<bool, CallError> {
    // `ifquery` asks nobody but this file, and is not there for users.
    let known = tool::table(Path::new("/run/network/ifstate"))?;
    Ok(known.lines().any(|line| line.split('=').next().is_some_and(|name| name.trim() == iface)))
}

/// Runs `ifup` or `ifdown`; what it said.
pub fn switch(_act: &Act, program: &str, iface: &str) -> Result<String, CallError> {
    let command = tool::command(&[program, link::checked(iface)?])?.merge_stderr();
    tool::succeeded(program, &tool::finish(&command)?)
}

/// `ip.up` and `ip.down`.
pub(super) fn switched(act: &Act, program: &str, iface: &str, kind: Option<&str>) -> CallResult {
    if kind == Some("slave") {
        return Ok(Value::Null.into());
    }
    Ok(switch(act, program, iface)?.trim_end().into())
}
