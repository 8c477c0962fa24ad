//! What the machine must have for a lab.

use std::fmt;
use std::process::{Command, Stdio};

/// Programs, and the Debian packages that bring them.
const TOOLS: &[(&str, &str)] = &[
    ("debootstrap", "debootstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("dpkg-scanpackages", "dpkg-dev"),
    ("apt-get", "apt"),
    ("nsenter", "util-linux"),
    ("mount", "mount"),
];

/// Exit status of a lab that this user or machine may not have.
pub const CANNOT: u8 = 77;

/// Why there can be no lab on this machine.
#[derive(Debug)]
pub enum Missing {
    /// These programs are not there, each with the package that brings it.
    Tools(Vec<(&'static str, &'static str)>),
    /// The user or the surroundings may not do what a lab needs.
    Rights(&'static str),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rights(what) => f.write_str(what),
            Self::Tools(tools) => {
                let names: Vec<&str> = tools.iter().map(|(name, _)| *name).collect();
                let packages: Vec<&str> = tools.iter().map(|(_, package)| *package).collect();
                let (names, packages) = (names.join(", "), packages.join(" "));
                write!(f, "these programs are missing: {names}; on Debian: apt-get install {packages}")
            }
        }
    }
}

/// Looks whether this machine can hold a lab.
pub fn check_tools() -> Result<(), Missing> {
    if !rustix::process::geteuid().is_root() {
        return Err(Missing::Rights("a lab of containers and network namespaces needs root"));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |name: &str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
    let missing: Vec<_> = TOOLS.iter().filter(|(name, _)| !found(name)).copied().collect();
    if !missing.is_empty() {
        return Err(Missing::Tools(missing));
    }
    // Mounting inside a mount namespace and a network namespace of its own: all that containers need.
    let probe = "mount -t tmpfs none /tmp && ip link add lab0 type veth peer name lab1";
    let tried = Command::new("unshare").args(["-m", "-n", "sh", "-c", probe]).stdin(Stdio::null()).output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(Missing::Rights("namespaces, mounts or interfaces cannot be made here, although this is root")),
    }
}
