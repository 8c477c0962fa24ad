//! `pkg.uptodate`.

use fleet_common::args;
use fleet_common::value::Value;

use super::shared::{predicted, refresh_once};
use crate::cx::{Act, Look};
use crate::modules::pkg::{framed, from_arguments, packages, upgrade, wanted};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::packages::{InstallOptions, Step};

args! {
    /// Arguments of `pkg.uptodate`.
    pub struct Uptodate {
        /// A name for the state.
        name: String,
        /// Fetch the package indexes before, once a run.
        refresh: bool = false,
        /// Only these packages.
        pkgs: Value = Value::Null,
        /// Remove and add packages where that is needed.
        dist_upgrade: bool = false,
        /// Do not fetch indexes that are younger than so many seconds.
        cache_valid_time: i64 = 0,
        /// Replace changed configuration files by the package's.
        force_conf_new: bool = false,
        /// Release to prefer; with dnf the only repository.
        fromrepo: Option<String> = None,
        /// Repositories to enable; dnf only.
        enablerepo: Vec<String> = Vec::new(),
        /// Repositories to disable; dnf only.
        disablerepo: Vec<String> = Vec::new(),
        /// Whose exclusions are not heeded (`all`, `main`, a repository); dnf only.
        disableexcludes: Option<String> = None,
        /// Options of dnf's configuration (`key=value`).
        setopt: Vec<String> = Vec::new(),
    }
}

impl State for Uptodate {
    type Todo = Vec<String>;

    fn prepare(&self, act: &Act, run: &Run<'_>) -> Result<(), Failure> {
        if self.refresh { refresh_once(act, run, "pkg.uptodate", self.cache_valid_time) } else { Ok(()) }
    }

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Vec<String>>, Failure> {
        let manager = packages(look, "pkg.uptodate")?;
        let all = wanted(None, None, &self.pkgs, &manager.own_endings())?;
        let names: Vec<String> = all.into_iter().map(|one| one.name).collect();
        let step = match (names.is_empty(), self.dist_upgrade) {
            (false, _) => Step::Install(names.clone()),
            (true, true) => Step::DistUpgrade,
            (true, false) => Step::Upgrade,
        };
        let options = InstallOptions {
            from: from_arguments!(self)?,
            only_upgrade: !names.is_empty(),
            ..InstallOptions::default()
        };
        let (changes, _) =
            predicted(&*manager, &step, &options, std::iter::empty()).map_err(|error| Failure::from(framed(error)))?;
        if changes.is_empty() {
            return Ok(Plan::Nothing(Report::new("System is already up-to-date")));
        }
        let would = Report::new("System update will be performed").changes(changes.clone());
        let did = Report::new("Upgrade ran successfully").changes(changes);
        Ok(Plan::Change { todo: names, would, did })
    }

    fn apply(&self, act: &Act, names: Vec<String>) -> Result<Applied, Failure> {
        let manager = packages(act, "pkg.uptodate")?;
        let options = InstallOptions {
            from: from_arguments!(self)?,
            new_configuration: self.force_conf_new,
            ..InstallOptions::default()
        };
        let changes = upgrade(&*manager, self.dist_upgrade, names, options)?;
        Ok(Applied::Really(Report::new("Upgrade ran successfully").changes(changes)))
    }
}
