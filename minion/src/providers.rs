//! Which implementation stands behind a module that systems do differently: picked by what the system is, or by the
//! option `providers` of the minion's configuration.

use std::path::Path;

use fleet_common::call::{CallError, Facts};
use fleet_common::value::Value;

use crate::cx::Look;
use crate::system::command::which;
use crate::system::services::Systemd;

/// A module that systems do differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Packages.
    Pkg,
    /// Services.
    Service,
    /// Accounts.
    User,
    /// Groups.
    Group,
    /// Passwords.
    Shadow,
}

/// One implementation: module, name, what it needs, and whether this system has that.
type Built = (Provider, &'static str, &'static str, fn(&Look) -> bool);

/// The implementations there are, best first.
const BUILT: &[Built] = &[
    // A system of this kind has dnf even where apt is installed as well.
    (Provider::Pkg, "yumpkg", "dnf", |look| is_family(look, "RedHat")),
    (Provider::Pkg, "aptpkg", "apt-get", |_| which("apt-get", None).is_some()),
    (Provider::Pkg, "yumpkg", "dnf", |_| which("dnf", None).is_some()),
    (Provider::Service, "systemd_service", "a running systemd", |_| Systemd::runs_here()),
    (Provider::Service, "debian_service", "/etc/init.d and update-rc.d", |_| {
        Path::new("/etc/init.d").is_dir() && which("update-rc.d", None).is_some()
    }),
    (Provider::User, "useradd", "useradd", |_| which("useradd", None).is_some()),
    (Provider::Group, "groupadd", "groupadd", |_| which("groupadd", None).is_some()),
    (Provider::Shadow, "linux_shadow", "/etc/shadow", |_| Path::new("/etc/shadow").exists()),
];

/// True on a system of this family.
pub fn is_family(look: &Look, family: &str) -> bool {
    look.grains().get("os_family").and_then(Value::as_str) == Some(family)
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pkg, Self::Service, Self::User, Self::Group, Self::Shadow];

    /// The module's name.
    pub fn module(self) -> &'static str {
        match self {
            Self::Pkg => "pkg",
            Self::Service => "service",
            Self::User => "user",
            Self::Group => "group",
            Self::Shadow => "shadow",
        }
    }
}

/// The implementation of a module; `function` asks for it.
pub fn provider(look: &Look, of: Provider, function: &str) -> Result<&'static str, CallError> {
    let module = of.module();
    let built = BUILT.iter().filter(|(kind, ..)| *kind == of);
    let opts = look.opts();
    let chosen = opts.get("providers").and_then(|all| all.get(module)).and_then(Value::as_str);
    if let Some(name) = chosen {
        return built.clone().map(|(_, built, ..)| *built).find(|built| *built == name).ok_or_else(|| {
            let known: std::collections::BTreeSet<&str> = built.map(|(_, name, ..)| *name).collect();
            let known: Vec<&str> = known.into_iter().collect();
            CallError::Unsupported(format!(
                "the provider '{name}' that the option 'providers' sets for {module} (built: {})",
                known.join(", ")
            ))
        });
    }
    let found = built.clone().find(|(.., fits)| fits(look)).map(|(_, name, ..)| *name);
    found.ok_or_else(|| {
        let needs: std::collections::BTreeSet<String> =
            built.map(|(_, name, needs, _)| format!("{needs} (for {name})")).collect();
        let needs: Vec<String> = needs.into_iter().collect();
        CallError::Failed(format!(
            "'{function}' is not available on this system: it has no {}; install it, or see that it is in PATH",
            needs.join(" and no ")
        ))
    })
}
