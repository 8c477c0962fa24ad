//! The name of this machine, as the kernel has it and as the next start sets it.

use std::io;
use std::path::Path;

use super::fs::{self, FileFault, WriteOptions};
use crate::cx::Act;

/// Where the next start finds it.
pub const FILE: &str = "/etc/hostname";
/// The longest name that the kernel keeps.
const LONGEST: usize = 64;

/// Why a name could not be given.
#[derive(Debug, thiserror::Error)]
pub enum NameFault {
    /// It is none.
    #[error("{0:?} cannot be the name of a machine: letters, digits and -, with dots between, at most 64 characters")]
    NoName(String),
    /// It could not be kept for the next start.
    #[error(transparent)]
    Kept(#[from] FileFault),
    /// The kernel did not take it.
    #[error("the kernel does not take the name {0}: {1}")]
    Kernel(String, #[source] io::Error),
}

/// The name as the kernel has it.
pub fn now() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A name is labels of letters, digits and `-` with dots between.
pub fn check(name: &str) -> Result<(), NameFault> {
    let label = |label: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(fits)
    };
    match name.len() <= LONGEST && name.split('.').all(label) {
        true => Ok(()),
        false => Err(NameFault::NoName(name.to_owned())),
    }
}

/// Sets the name for the next start, then now.
pub fn set(_act: &Act, name: &str) -> Result<(), NameFault> {
    check(name)?;
    fs::write_atomic(Path::new(FILE), format!("{name}\n").as_bytes(), &WriteOptions::default())?;
    if now() == name {
        return Ok(());
    }
    rustix::system::sethostname(name.as_bytes()).map_err(|error| NameFault::Kernel(name.to_owned(), error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert!(["web1", "web-1.example.com", "1"].iter().all(|name| check(name).is_ok()));
        let long = "a".repeat(65);
        assert!(["", "-a", "a..b", "a b", "a_b", "a\n", &long, "é"].iter().all(|name| check(name).is_err()));
        assert!(!now().is_empty());
    }
}
