//! Settings of the whole network: the machine's name, and whether its links are configured at the start.

use std::path::Path;

use fleet_common::call::CallError;
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::options::{SWITCH, switch};
use crate::cx::Act;
use crate::modules::tool;
use crate::system::hostname;

/// Where Debian's script of the network is told what to do.
pub const FILE: &str = "/etc/default/networking";
/// That file where there is none yet: as the package of `ifup` brings it.
const FIRST: &str = "# Configuration for networking init script being run during\n# the boot sequence\n\n\
    # Set to 'no' to skip interfaces configuration on boot\n#CONFIGURE_INTERFACES=yes\n\n\
    # Don't configure these interfaces. Shell wildcards supported/\n#EXCLUDE_INTERFACES=\n\n\
    # Set to 'yes' to enable additional verbosity\n#VERBOSE=no";
/// The line that says it.
const KEY: &str = "CONFIGURE_INTERFACES=";

/// Settings that only other systems have.
const FOREIGN: &[&str] = &["gateway", "gatewaydev", "nozeroconf", "nisdomain", "domainname", "search"];
/// Settings that say how the others are applied.
const MANNER: &[&str] = &["require_reboot", "apply_hostname", "retain_settings", "test"];

/// What is asked for.
pub struct Settings {
    /// Configure links at the start.
    pub networking: Option<bool>,
    /// The machine's name, without its domain.
    pub hostname: Option<String>,
    /// Give the name at once, not only at the next start.
    pub apply_hostname: bool,
    /// Leave it to the next start to configure links anew.
    pub require_reboot: bool,
}

fn invalid(key: &str, expected: &str) -> CallError {
    CallError::Invocation(format!("Invalid network setting -- Setting: {key}, Expected: [{expected}]"))
}

impl Settings {
    /// Settings by their names.
    pub fn of(given: &Map) -> Result<Self, CallError> {
        let mut settings = Self { networking: None, hostname: None, apply_hostname: false, require_reboot: false };
        for (key, value) in given {
            let key = str_(key);
            let on = || switch(value).ok_or_else(|| invalid(&key, SWITCH));
            match key.as_str() {
                "enabled" | "networking" => {
                    settings.networking = Some(switch(value).ok_or_else(|| invalid("networking", SWITCH))?);
                }
                "hostname" => {
                    let full = value.as_str().unwrap_or_default();
                    hostname::check(full).map_err(|_| invalid("hostname", "server1.example.com"))?;
                    settings.hostname = full.split('.').next().map(str::to_owned);
                }
                "apply_hostname" => settings.apply_hostname = on()?,
                "require_reboot" => settings.require_reboot = on()?,
                other if FOREIGN.contains(&other) || MANNER.contains(&other) => {}
                other => {
                    let known = ["enabled", "networking", "hostname"].iter().chain(FOREIGN).chain(MANNER);
                    return Err(invalid(other, &known.copied().collect::<Vec<_>>().join("|")));
                }
            }
        }
        Ok(settings)
    }

    /// True if the machine is to have another name at once.
    pub fn renames(&self) -> bool {
        let now = hostname::now();
        self.apply_hostname && self.hostname.as_ref().is_some_and(|name| now.split('.').next() != Some(name.as_str()))
    }
}

/// True if links are configured at the start; `None` when nothing says so.
fn networking(text: &str) -> Option<bool> {
    let value = text.lines().rev().find_map(|line| line.trim().strip_prefix(KEY))?;
    switch(&Value::from(value.trim_matches(['"', '\''])))
}

/// The file with that line in the place of the one that is there, comment or not.
fn with_networking(text: &str, on: bool) -> String {
    let text = if text.is_empty() { FIRST } else { text };
    let line = format!("{KEY}{}", if on { "yes" } else { "no" });
    let mut lines: Vec<&str> = text.lines().collect();
    let said = |text: &&str| text.trim().starts_with(KEY);
    let hint = |text: &&str| text.trim_start_matches(['#', ' ']).starts_with(KEY);
    match lines.iter().rposition(said).or_else(|| lines.iter().position(hint)) {
        Some(at) => lines[at] = &line,
        None => lines.push(&line),
    }
    lines.join("\n") + if text.ends_with('\n') { "\n" } else { "" }
}

/// The name that the next start gives the machine, without its domain.
fn named() -> Result<String, CallError> {
    let text = tool::table(Path::new(hostname::FILE))?;
    let kept = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let full = kept.map_or_else(hostname::now, str::to_owned);
    Ok(full.split('.').next().unwrap_or_default().to_owned())
}

fn lines(networking: Option<bool>, name: &str) -> Vec<String> {
    let on = networking.map(|on| format!("NETWORKING={}\n", if on { "yes" } else { "no" }));
    on.into_iter().chain([format!("HOSTNAME={name}\n")]).collect()
}

/// The settings as they are, in lines.
pub fn now() -> Result<Vec<String>, CallError> {
    Ok(lines(networking(&tool::table(Path::new(FILE))?), &named()?))
}

/// The settings as they would be, in lines.
pub fn then(wanted: &Settings) -> Result<Vec<String>, CallError> {
    let on = networking(&tool::table(Path::new(FILE))?);
    let name = wanted.hostname.clone().map_or_else(named, Ok)?;
    Ok(lines(wanted.networking.or(on), &name))
}

/// Keeps settings for the next start.
pub fn keep(_act: &Act, wanted: &Settings) -> Result<(), CallError> {
    let old = tool::table(Path::new(FILE))?;
    if let Some(on) = wanted.networking.filter(|on| networking(&old) != Some(*on)) {
        tool::store(Path::new(FILE), &with_networking(&old, on))?;
    }
    if let Some(name) = &wanted.hostname
        && *name != named()?
    {
        tool::store(Path::new(hostname::FILE), &format!("{name}\n"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_changed() {
        assert_eq!(with_networking("", true), FIRST.replace("#CONF", "CONF"));
        assert_eq!(
            with_networking("A=1\n#CONFIGURE_INTERFACES=yes\nB=2\n", false),
            "A=1\nCONFIGURE_INTERFACES=no\nB=2\n"
        );
        assert_eq!(with_networking("A=1\n", true), "A=1\nCONFIGURE_INTERFACES=yes\n");
        let text = "#CONFIGURE_INTERFACES=yes\nCONFIGURE_INTERFACES=no\n";
        assert_eq!(networking(text), Some(false));
        assert_eq!(networking(&with_networking(text, true)), Some(true));
        assert_eq!(networking("#CONFIGURE_INTERFACES=no\n"), None);
    }

    #[test]
    fn settings_are_checked() {
        let of = |key: &str, value: Value| Settings::of(&Map::from_iter([(key, value)]));
        assert_eq!(of("hostname", "s1.example.com".into()).unwrap().hostname.as_deref(), Some("s1"));
        assert_eq!(of("enabled", "no".into()).unwrap().networking, Some(false));
        assert!(["hostname", "enabled", "else"].iter().all(|key| of(key, "a b".into()).is_err()));
    }
}
