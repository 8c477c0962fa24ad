//! Repositories of charts that Helm should know, and what they offer.

use fleet_common::args;
use fleet_common::value::Map;

use crate::cx::{Act, Look};
use crate::modules::helm::line::asked;
use crate::modules::helm::manage::{Difference, Wanted};
use crate::modules::helm::options::Options;
use crate::modules::helm::repo::{All, update};
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction};

/// `helm.repo_managed`.
pub const MANAGED: StateFunction = StateFunction {
    name: "repo_managed",
    doc: "Repositories of charts that Helm knows, and such that it does not.",
    example: "charts: {helm.repo_managed: [{present: [{name: house, url: 'https://charts.example.com'}]}]}",
    args: Managed::ROWS,
    make: |f, a| Ok(Box::new(PlannedState(Managed::bind(f, a)?))),
};

/// `helm.repo_updated`.
pub const UPDATED: StateFunction = StateFunction {
    name: "repo_updated",
    doc: "Helm knows what its repositories offer now.",
    example: "charts: {helm.repo_updated: []}",
    args: Updated::ROWS,
    make: |f, a| Ok(Box::new(PlannedState(Updated::bind(f, a)?))),
};

args! {
    /// Arguments of `helm.repo_managed`.
    struct Managed {
        /// What it is for; not used.
        name: String,
        /// Repositories that should be there: mappings with `name` and `url`.
        present: Option<Vec<Map>> = None,
        /// Names of those that should not.
        absent: Option<Vec<String>> = None,
        /// Remove all others, too.
        prune: bool = false,
        /// Fetch what the repositories offer when one was added or removed.
        repo_update: bool = false,
        /// The namespace; repositories have none, but Helm takes it.
        namespace: Option<String> = None,
        /// Options of `helm repo add` without a value, with or without their dashes.
        flags: Option<Vec<String>> = None,
        /// Options of `helm repo add` with a value by name; a list gives one several times.
        kvflags: Option<Map> = None,
    }
}

impl Managed {
    fn wanted(&self) -> Wanted {
        let Self { present, absent, prune, namespace, flags, kvflags, .. } = self;
        Wanted {
            present: present.clone(),
            absent: absent.clone(),
            prune: *prune,
            namespace: namespace.clone(),
            flags: flags.clone(),
            kvflags: kvflags.clone(),
        }
    }

    fn report(&self, comment: &str, difference: &Difference) -> Report {
        let report = Report::new(comment).changes(difference.report());
        if self.repo_update { report.change("repo_update", true) } else { report }
    }
}

impl State for Managed {
    type Todo = Difference;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Difference>, Failure> {
        let found = self.wanted().difference()?;
        if !found.is_some() {
            return Ok(Plan::Nothing(Report::new("Helm repo is managed.")));
        }
        Ok(Plan::Change {
            would: self.report("Helm repo would have been managed.", &found),
            did: self.report("Repositories were added or removed.", &found),
            todo: found,
        })
    }

    fn apply(&self, act: &Act, todo: Difference) -> Result<Applied, Failure> {
        let done = todo.make(act, &self.wanted())?;
        if !done.failed.is_empty() {
            let mut why = "Failed to add or remove some repositories.".to_owned();
            for (_, said) in &done.failed {
                why.push('\n');
                why.push_str(said);
            }
            let changes = if done.is_some() { done.report() } else { Map::new() };
            return Err(Failure(Report::new(why).changes(changes)));
        }
        if self.repo_update {
            let all = All { namespace: self.namespace.clone(), flags: None, kvflags: None };
            update(act, &all).map_err(|why| {
                let why = format!("Repositories were added or removed, but what they offer is not known: {why}");
                Failure(Report::new(why).changes(done.report()))
            })?;
        }
        Ok(Applied::AsPlanned)
    }
}

asked! {
    /// Arguments of `helm.repo_updated`.
    struct Updated [] [namespace] {
        /// What it is for; not used.
        name: String,
        /// The namespace; repositories have none, but Helm takes it.
        namespace: Option<String> = None,
    }
}

impl State for Updated {
    type Todo = ();

    /// What repositories offer is no part of the machine: it is brought up to date as a package index is.
    fn prepare(&self, act: &Act, _run: &Run<'_>) -> Result<(), Failure> {
        update(act, self)?;
        Ok(())
    }

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        Options::new(self.flags.as_deref().unwrap_or_default(), self.kvflags.as_ref())?;
        let did = Report::new("Helm repo is updated.");
        Ok(Plan::Same { would: Report::new("Helm repo would have been updated."), did })
    }

    fn apply(&self, _act: &Act, (): ()) -> Result<Applied, Failure> {
        Ok(Applied::AsPlanned)
    }
}
