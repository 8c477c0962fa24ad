//! `git.config_set`, `git.config_unset`.

use fleet_common::args;
use fleet_common::value::{Map, Value, python};

use super::super::{Applied, Failure, Plan, Report, Run, State};
use super::place::failed;
use crate::cx::{Act, Look};
use crate::modules::git::{How, config_scope, set_config};
use crate::system::git::{Git, Repo};

args! {
    /// Arguments of `git.config_set`.
    pub struct Set {
        /// The key (`user.email`).
        name: String,
        /// Its value.
        value: Option<String> = None,
        /// Its values, for a key that has several.
        multivar: Vec<String> = Vec::new(),
        /// Directory of the repository.
        repo: Option<String> = None,
        /// User to run git as.
        user: Option<String> = None,
        /// Only used on Windows.
        password: Option<String> = None,
        /// The key is the user's, not the repository's.
        global: bool = false,
        /// Encoding of what git writes; only UTF-8 is known.
        output_encoding: Option<String> = None,
    }
}

args! {
    /// Arguments of `git.config_unset`.
    pub struct Unset {
        /// An expression for keys.
        name: String,
        /// Only values that match this expression.
        value_regex: Option<String> = None,
        /// Directory of the repository.
        repo: Option<String> = None,
        /// User to run git as.
        user: Option<String> = None,
        /// Only used on Windows.
        password: Option<String> = None,
        /// The keys are the user's, not the repository's.
        global: bool = false,
        /// Also keys that have several values.
        all: bool = false,
        /// Encoding of what git writes; only UTF-8 is known.
        output_encoding: Option<String> = None,
    }
}

fn git(look: &Look, user: Option<&String>, repo: Option<&String>, global: bool) -> Result<Git, Failure> {
    let how = How { user: user.cloned(), ..How::default() };
    match repo {
        _ if global => Ok(how.git(look)?),
        Some(repo) => Ok(how.git_in(look, repo)?),
        None => Err(Failure::new("Non-global config options require the 'repo' argument to be set")),
    }
}

fn list(values: &[String]) -> Value {
    values.iter().map(Value::from).collect::<Vec<_>>().into()
}

impl Set {
    fn wanted(&self) -> Result<Vec<String>, Failure> {
        match (&self.value, self.multivar.is_empty()) {
            (Some(value), true) => Ok(vec![value.clone()]),
            (None, false) => Ok(self.multivar.clone()),
            (Some(_), false) => Err(Failure::new("Only one of 'value' and 'multivar' is permitted")),
            (None, true) => Err(Failure::new("One of 'value' and 'multivar' is needed")),
        }
    }
}

impl State for Set {
    type Todo = Vec<String>;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Vec<String>>, Failure> {
        let wanted = self.wanted()?;
        let git = git(look, self.user.as_ref(), self.repo.as_ref(), self.global)?;
        let now = Repo::settings(&git, self.global, &self.name).map_err(failed)?;
        let key = format!("{}'{}'", if self.global { "Global key " } else { "" }, self.name);
        let shown = if self.value.is_some() { format!("'{}'", wanted[0]) } else { python::repr(&list(&wanted)) };
        if now == wanted {
            return Ok(Plan::Nothing(Report::new(format!("{key} is already set to {shown}"))));
        }
        let old = if now.is_empty() { Value::Null } else { list(&now) };
        let change = Map::from_iter([("old", old), ("new", list(&wanted))]);
        let verb = if now.is_empty() { "added as" } else { "set to" };
        let report =
            |verb: String| Report::new(format!("{key} {verb} {shown}")).change(self.name.as_str(), change.clone());
        let (would, did) = (report(format!("would be {verb}")), report(format!("was {verb}")));
        Ok(Plan::Change { todo: wanted, would, did })
    }

    fn apply(&self, act: &Act, wanted: Vec<String>) -> Result<Applied, Failure> {
        let git = git(act, self.user.as_ref(), self.repo.as_ref(), self.global)?;
        set_config(&git, self.global, &self.name, &wanted)
            .map_err(|why| Failure::new(format!("Failed to set {}: {why}", self.name)))?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Unset {
    type Todo = Vec<(String, usize)>;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Self::Todo>, Failure> {
        let git = git(look, self.user.as_ref(), self.repo.as_ref(), self.global)?;
        let wanted = self.value_regex.as_deref();
        let found = Repo::settings_like(&git, self.global, &self.name, wanted).map_err(failed)?;
        if found.is_empty() {
            return Ok(Plan::Nothing(Report::new("No matching keys are set")));
        }
        let several: Vec<String> = found
            .iter()
            .filter(|(_, values)| values.len() > 1 && !self.all)
            .map(|(key, values)| format!("{key} ({})", values.join(", ")))
            .collect();
        if !several.is_empty() {
            return Err(Failure::new(format!(
                "Multivar(s) matched by the key expression (set 'all' to True to force removal): {}",
                several.join("; ")
            )));
        }
        let changes: Map = found.iter().map(|(key, values)| (key.clone(), list(values))).collect();
        Ok(Plan::Change {
            would: Report::new(format!("{} key(s) would have value(s) unset", found.len())).changes(changes.clone()),
            did: Report::new("Value(s) successfully unset").changes(changes),
            todo: found.into_iter().map(|(key, values)| (key, values.len())).collect(),
        })
    }

    fn apply(&self, act: &Act, keys: Self::Todo) -> Result<Applied, Failure> {
        let git = git(act, self.user.as_ref(), self.repo.as_ref(), self.global)?;
        for (key, count) in keys {
            let order = if count > 1 { "--unset-all" } else { "--unset" };
            let mut words = vec!["config", config_scope(self.global), order, &key];
            words.extend(self.value_regex.as_deref());
            git.ask(&words).map_err(failed)?;
        }
        Ok(Applied::AsPlanned)
    }
}
