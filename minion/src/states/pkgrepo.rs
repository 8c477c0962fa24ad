//! `pkgrepo.*`: sources of packages.

use fleet_common::args;
use fleet_common::call::CallError;
use fleet_common::value::{Map, Value};

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::pkg::{Configured, Managed, apt, configure, find, key, refresh, remove};
use crate::system::apt::sources::Source;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "pkgrepo",
    doc: "Sources of packages.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "managed",
            doc: "A source of packages, with the key that signs it.",
            example: "tools: {pkgrepo.managed: [{name: 'deb [signed-by=/etc/apt/keyrings/t.gpg] https://deb.example.org stable main'}, \
                      {file: /etc/apt/sources.list.d/tools.list}, {key_url: 'salt://tools.gpg'}]}",
            args: Managed::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Managed::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "No such source of packages.",
            example: "tools: {pkgrepo.absent: [{name: 'deb https://deb.example.org stable main'}]}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `pkgrepo.absent`.
    pub struct Absent {
        /// The source's line.
        name: String,
        /// Fetch the package indexes afterwards.
        refresh: bool = true,
        /// An archive of Launchpad: only its line can be given.
        ppa: Option<String> = None,
        /// Remove this key, too; keys in files of their own stay.
        keyid: Value = Value::Null,
        /// For other systems' packages; not used.
        baseurl: Option<String> = None,
    }
}

/// What the run remembers when the indexes were fetched.
const WARNING: &str = "This may cause pkg states to behave differently than stated if this action is repeated without \
                       test=True, due to the differences in the configured repositories.";

/// A key is fetched when it is needed, so it is no part of what is planned.
#[derive(Debug, Clone)]
pub struct Todo {
    configured: Configured,
    saltenv: String,
}

impl Managed {
    fn changes(&self, configured: &Configured) -> Map {
        let new = &configured.source;
        let Some(old) = &configured.former else { return Map::from_iter([("repo", self.name.as_str())]) };
        let pair = |old: Value, new: Value| Map::from_iter([("new", new), ("old", old)]);
        let mut changes = Map::new();
        if old.line() != new.line() {
            changes.insert("line", pair(old.line().into(), new.line().into()));
        }
        if old.comps != new.comps {
            changes.insert("comps", pair(old.comps.clone().into(), new.comps.clone().into()));
        }
        if old.disabled != new.disabled {
            changes.insert("disabled", pair(old.disabled.into(), new.disabled.into()));
        }
        if configured.text.is_some() && old.file != new.file {
            let path = |source: &Source| Value::from(source.file.to_string_lossy().into_owned());
            changes.insert("file", pair(path(old), path(new)));
        }
        changes
    }

    fn refused(&self, error: &CallError) -> Failure {
        Failure::new(format!("Failed to configure repo '{}': {error}", self.name))
    }
}

impl State for Managed {
    type Todo = Todo;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = &self.name;
        let apt = apt(look, "pkgrepo.managed")?;
        let configured = configure(&apt.places, &Self { keyid: Value::Null, keyserver: None, ..self.clone() }, None)
            .and_then(|configured| {
                // Key servers are refused in a dry run as well.
                if self.key_url.is_none() && self.key_text.is_none() {
                    configure(&apt.places, self, None)
                } else {
                    Ok(configured)
                }
            })
            .map_err(|error| self.refused(&error))?;
        let missing = self.key_url.is_some() || self.key_text.is_some();
        let path = configured.source.option("signed-by").map(std::path::PathBuf::from);
        let missing = missing && path.is_none_or(|path| !path.exists());
        if configured.text.is_none() && !missing {
            return Ok(Plan::Nothing(Report::new(format!("Package repo '{name}' already configured"))));
        }
        let changes = self.changes(&configured);
        if changes.is_empty() && configured.text.is_none() && configured.source.option("signed-by").is_none() {
            // A key among those trusted for all sources is compared when it is put there.
            return Ok(Plan::Nothing(Report::new(format!("Package repo '{name}' already configured"))));
        }
        let changes = if changes.is_empty() { Map::from_iter([("repo", name.as_str())]) } else { changes };
        Ok(Plan::Change {
            todo: Todo { configured, saltenv: run.saltenv.to_owned() },
            would: Report::new(format!("Package repo '{name}' would be configured. {WARNING}"))
                .changes(changes.clone()),
            did: Report::new(format!("Configured package repo '{name}'")).changes(changes),
        })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let apt = apt(act, "pkgrepo.managed")?;
        let key = key(act, self, &todo.saltenv).map_err(|error| self.refused(&error))?;
        let configured = match key {
            Some(key) => configure(&apt.places, self, Some(key)).map_err(|error| self.refused(&error))?,
            None => todo.configured,
        };
        configured.apply().map_err(|error| self.refused(&error))?;
        if self.refresh_db.unwrap_or(self.refresh) {
            refresh(&apt, 0).map_err(|error| Failure::new(error.to_string()))?;
        }
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = Source;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Source>, Failure> {
        let name = &self.name;
        if let Some(ppa) = &self.ppa {
            return Err(Failure::new(format!("'ppa: {ppa}' is not implemented; give the source's whole line")));
        }
        let apt = apt(look, "pkgrepo.absent")?;
        let found = find(&apt.places, name)
            .map_err(|error| Failure::new(format!("Failed to configure repo '{name}': {error}")))?;
        let Some(source) = found else {
            return Ok(Plan::Nothing(Report::new(format!("Package repo {name} is absent"))));
        };
        let change = |report: Report| report.change("repo", name.as_str());
        Ok(Plan::Change {
            todo: source,
            would: change(Report::new(format!("Package repo '{name}' will be removed. {WARNING}"))),
            did: change(Report::new(format!("Removed repo {name}"))),
        })
    }

    fn apply(&self, act: &Act, source: Source) -> Result<Applied, Failure> {
        remove(&source)?;
        if self.refresh {
            refresh(&apt(act, "pkgrepo.absent")?, 0)?;
        }
        Ok(Applied::AsPlanned)
    }
}
