//! `pkgrepo.*`: sources of packages.

mod apt;
mod said;

use fleet_common::args;
use fleet_common::call::CallError;
use fleet_common::value::{Map, Value};

use said::{WARNING, already, refused};

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::pkg::{Configured, Managed, YumConfigured, dnf, is_dnf, yum_configure, yum_find};
use crate::system::apt::sources::Source;
use crate::system::dnf::repos;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "pkgrepo",
    doc: "Sources of packages.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "managed",
            doc: "A source of packages: of apt by its line, with the key that signs it; of dnf by its id.",
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
        /// The source's line, or its id with dnf.
        name: String,
        /// Fetch the package indexes afterwards.
        refresh: bool = true,
        /// An archive of Launchpad: only its line can be given.
        ppa: Option<String> = None,
        /// Remove this key, too; keys in files of their own stay.
        keyid: Value = Value::Null,
        /// Taken for trees written for the reference; not used.
        **more: Map,
    }
}

/// What is to be configured, and the environment keys come from.
#[derive(Debug, Clone)]
pub struct Todo {
    configured: Kind,
    saltenv: String,
}

#[derive(Debug, Clone)]
enum Kind {
    Apt(Box<Configured>),
    Dnf(Box<YumConfigured>),
}

/// A source that is to go.
#[derive(Debug, Clone)]
pub enum Found {
    /// Of apt.
    Apt(Box<Source>),
    /// Of dnf.
    Dnf(Box<repos::Repository>),
}

impl State for Managed {
    type Todo = Todo;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = &self.name;
        let plan = if is_dnf(look, "pkgrepo.managed")? {
            let places = dnf(look, "pkgrepo.managed")?.places;
            let configured = yum_configure(&places, self, true).map_err(|error| refused(name, &error))?;
            if configured.is_settled() {
                return Ok(already(name));
            }
            let changes = configured.changes();
            Plan::Change {
                would: Report::new(format!("Package repo '{name}' would be configured. {WARNING}"))
                    .changes(changes.clone()),
                did: Report::new(format!("Configured package repo '{name}'")).changes(changes),
                todo: Kind::Dnf(Box::new(configured)),
            }
        } else {
            apt::plan(self, look)?.map(Kind::Apt)
        };
        Ok(plan.map(|configured| Todo { configured, saltenv: run.saltenv.to_owned() }))
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        match &todo.configured {
            Kind::Apt(configured) => apt::apply(self, act, configured, &todo.saltenv)?,
            Kind::Dnf(configured) => repos::write(&configured.repository)
                .map_err(|fault| refused(&self.name, &CallError::Failed(fault.to_string())))?,
        }
        Ok(Applied::AsPlanned)
    }
}

impl Absent {
    fn found(&self, look: &Look) -> Result<Option<Found>, Failure> {
        if is_dnf(look, "pkgrepo.absent")? {
            let places = dnf(look, "pkgrepo.absent")?.places;
            let found = yum_find(&places, &self.name).map_err(|error| refused(&self.name, &error))?;
            return Ok(found.map(|repository| Found::Dnf(Box::new(repository))));
        }
        if let Some(ppa) = &self.ppa {
            return Err(Failure::new(format!("'ppa: {ppa}' is not implemented; give the source's whole line")));
        }
        Ok(apt::found(&self.name, look)?.map(|source| Found::Apt(Box::new(source))))
    }
}

impl State for Absent {
    type Todo = Found;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Found>, Failure> {
        let name = &self.name;
        let Some(found) = self.found(look)? else {
            return Ok(Plan::Nothing(Report::new(format!("Package repo {name} is absent"))));
        };
        let change = |report: Report| report.change("repo", name.as_str());
        Ok(Plan::Change {
            todo: found,
            would: change(Report::new(format!("Package repo '{name}' will be removed. {WARNING}"))),
            did: change(Report::new(format!("Removed repo {name}"))),
        })
    }

    fn apply(&self, act: &Act, found: Found) -> Result<Applied, Failure> {
        match found {
            Found::Apt(source) => apt::take_away(act, &source, self.refresh)?,
            Found::Dnf(repository) => {
                let removed = repos::remove(&repository);
                removed.map_err(|fault| refused(&self.name, &CallError::Failed(fault.to_string())))?;
            }
        }
        Ok(Applied::AsPlanned)
    }
}
