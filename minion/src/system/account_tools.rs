//! Changing accounts and groups, through the system's own programs: they lock the tables and keep them in step.

use super::command::{Command, CommandError};

/// Why an account or a group was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountFault {
    /// The name cannot be one.
    #[error("'{0}' cannot be the name of an account or a group")]
    Name(String),
    /// The program refused; its words.
    #[error("{0}")]
    Refused(String),
    /// The program could not be run.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// A name that cannot be taken for an option or break the tables apart.
pub fn checked(name: &str) -> Result<&str, AccountFault> {
    let breaks = |c: char| c == ':' || c == ',' || c == '/' || c.is_control();
    if name.is_empty() || name.starts_with('-') || name.contains(breaks) {
        return Err(AccountFault::Name(name.to_owned()));
    }
    Ok(name)
}

/// Runs `program WORDS NAME`, below another root if one is given.
pub fn change(program: &str, words: &[&str], name: &str, root: Option<&str>) -> Result<(), AccountFault> {
    let below = root.into_iter().flat_map(|root| ["--root", root]);
    let argv = [program].into_iter().chain(below).chain(words.iter().copied()).chain([checked(name)?]);
    run(&Command::argv(argv))
}

/// Sets the hash of an account's password; it is never an argument, which other processes could read.
pub fn set_hash(name: &str, hash: &str, root: Option<&str>) -> Result<(), AccountFault> {
    if hash.contains(['\n', ':']) {
        return Err(AccountFault::Refused("a hash of a password has no ':' and is one line".to_owned()));
    }
    let below = root.into_iter().flat_map(|root| ["--root", root]);
    let argv = ["chpasswd", "--encrypted"].into_iter().chain(below);
    run(&Command::argv(argv).stdin(format!("{}:{hash}\n", checked(name)?)))
}

fn run(command: &Command) -> Result<(), AccountFault> {
    let finished = command.clone().c_locale().run()?;
    if finished.status == 0 {
        return Ok(());
    }
    let said = finished.said();
    let said = if said.is_empty() { format!("{command:?} ended with status {}", finished.status) } else { said };
    Err(AccountFault::Refused(said))
}
