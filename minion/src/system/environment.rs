//! The environment of a job: the process's own with what the job has set.
//!
//! Changing the process's environment is a data race with every other thread, so it is never done: what
//! `environ.setval` sets is kept here and given to the commands of the same job.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::{PoisonError, RwLock};

use super::command::Command;

/// Variables set or removed (`None`) on top of those of the process.
#[derive(Debug, Default)]
pub struct Environment {
    over: RwLock<BTreeMap<String, Option<String>>>,
}

impl Environment {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<String> {
        match self.over.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            Some(over) => over.clone(),
            None => std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()),
        }
    }

    /// Sets a variable, or removes it.
    pub fn set(&self, name: &str, value: Option<String>) {
        self.over.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), value);
    }

    /// All variables, sorted.
    pub fn all(&self) -> BTreeMap<String, String> {
        let own = std::env::vars_os();
        let mut all: BTreeMap<String, String> = own
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        for (name, value) in self.over.read().unwrap_or_else(PoisonError::into_inner).iter() {
            match value {
                Some(value) => drop(all.insert(name.clone(), value.clone())),
                None => drop(all.remove(name)),
            }
        }
        all
    }

    /// Gives a command what was set and removed.
    pub fn apply(&self, command: Command) -> Command {
        let over = self.over.read().unwrap_or_else(PoisonError::into_inner);
        over.iter().fold(command, |command, (name, value)| command.env(name, value.as_deref().map(OsStr::new)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_reaches_commands_but_not_the_process() {
        let environment = Environment::default();
        environment.set("FLEET_TEST_A", Some("1".to_owned()));
        environment.set("HOME", None);
        let finished = environment.apply(Command::shell("/bin/sh", "echo $FLEET_TEST_A-$HOME")).run().unwrap();
        assert_eq!(finished.stdout, b"1-\n");
        assert_eq!(std::env::var_os("FLEET_TEST_A"), None);
        assert_eq!((environment.get("HOME"), environment.all().contains_key("HOME")), (None, false));
    }
}
