//! `pkg.latest`.

use std::collections::BTreeMap;

use fleet_common::args;
use fleet_common::call::CallError;
use fleet_common::value::Value;

use super::shared::{is_listed, predicted, refresh_once};
use crate::cx::{Act, Look};
use crate::modules::pkg::{Order, framed, from_arguments, install, latest, packages, wanted};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::packages::{InstallOptions, Packages, Step};

args! {
    /// Arguments of `pkg.latest`.
    pub struct Latest {
        /// The package.
        name: String,
        /// Fetch the package indexes before, once a run.
        refresh: Option<bool> = None,
        /// Release to prefer; with dnf the only repository.
        fromrepo: Option<String> = None,
        /// Install packages that cannot be authenticated.
        skip_verify: bool = false,
        /// Several packages instead of the name.
        pkgs: Value = Value::Null,
        /// Not used: what is newest needs no watch.
        watch_flags: bool = true,
        /// Recommended packages too; default as configured.
        install_recommends: Option<bool> = None,
        /// Only packages that are installed already.
        only_upgrade: bool = false,
        /// Change held packages as well.
        update_holds: Option<bool> = None,
        /// Do not fetch indexes that are younger than so many seconds.
        cache_valid_time: i64 = 0,
        /// Replace changed configuration files by the package's.
        force_conf_new: bool = false,
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

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Todo {
    targets: BTreeMap<String, String>,
    settled: BTreeMap<String, String>,
    options: InstallOptions,
}

/// The packages in the versions they are brought to: not every manager brings what is there up to date by its name alone.
fn words(manager: &dyn Packages, targets: &BTreeMap<String, String>) -> Vec<String> {
    targets.iter().map(|(name, version)| manager.word(name, version)).collect()
}

impl State for Latest {
    type Todo = Todo;

    fn prepare(&self, act: &Act, run: &Run<'_>) -> Result<(), Failure> {
        if self.refresh == Some(false) { Ok(()) } else { refresh_once(act, run, "pkg.latest", self.cache_valid_time) }
    }

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let manager = packages(look, "pkg.latest")?;
        let all = wanted(Some(&self.name), None, &self.pkgs, &manager.own_endings())?;
        let names: Vec<String> = all.into_iter().map(|one| one.name).collect();
        if names.is_empty() {
            return Ok(Plan::Nothing(Report::new("No packages to install provided")));
        }
        let targets = latest(&*manager, &names, &from_arguments!(self)?, false)?;
        let installed = manager.installed().map_err(CallError::from)?;
        let unknown: Vec<String> = names
            .iter()
            .filter(|name| !targets.contains_key(*name) && !installed.contains_key(*name))
            .map(|name| format!("No information found for '{name}'."))
            .collect();
        if !unknown.is_empty() {
            return Err(Failure::new(unknown.join(" ")));
        }
        let settled: BTreeMap<String, String> = names
            .iter()
            .filter(|name| !targets.contains_key(*name))
            .map(|name| (name.clone(), installed.get(name).cloned().unwrap_or_default()))
            .collect();
        if targets.is_empty() {
            let names: Vec<&str> = settled.keys().map(String::as_str).collect();
            let comment = match names.as_slice() {
                [one] => format!("Package {one} is already up-to-date"),
                many if is_listed(many.len()) => format!("All packages are up-to-date ({}).", many.join(", ")),
                many => format!("All {} packages are up-to-date.", many.len()),
            };
            return Ok(Plan::Nothing(Report::new(comment)));
        }
        let options = InstallOptions {
            from: from_arguments!(self)?,
            skip_verify: self.skip_verify,
            only_upgrade: self.only_upgrade,
            recommends: self.install_recommends,
            held: self.update_holds.unwrap_or(manager.changes_held()),
            new_configuration: self.force_conf_new,
            ..InstallOptions::default()
        };
        let step = Step::Install(words(&*manager, &targets));
        let guess = targets.iter().map(|(name, version)| (name.clone(), version.clone()));
        let (changes, _) =
            predicted(&*manager, &step, &options, guess).map_err(|error| Failure::from(framed(error)))?;
        let names: Vec<&str> = targets.keys().map(String::as_str).collect();
        let mut comment = format!("The following packages would be installed/upgraded: {}", names.join(", "));
        if !settled.is_empty() {
            let there: Vec<String> = settled.iter().map(|(name, version)| format!("{name} ({version})")).collect();
            comment.push_str(&format!("\nThe following packages are already up-to-date: {}", there.join(", ")));
        }
        let would = Report::new(comment).changes(changes.clone());
        Ok(Plan::Change { todo: Todo { targets, settled, options }, would, did: Report::default().changes(changes) })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let manager = packages(act, "pkg.latest")?;
        let order = Order { words: words(&*manager, &todo.targets), names: Vec::new(), options: todo.options };
        let changes = match install(&*manager, &order) {
            Ok(changes) => changes,
            Err((error, changes)) => {
                let text = format!("An exception occurred while installing package(s): {error}");
                return Err(Failure(Report::new(text).changes(changes)));
            }
        };
        let (done, failed): (Vec<&str>, Vec<&str>) =
            todo.targets.keys().map(String::as_str).partition(|name| changes.contains(name));
        let mut texts = Vec::new();
        if !failed.is_empty() {
            texts.push(format!("The following packages failed to update: {}", failed.join(", ")));
        }
        if !done.is_empty() {
            texts.push(format!("The following packages were successfully installed/upgraded: {}", done.join(", ")));
        }
        if !todo.settled.is_empty() {
            let names: Vec<&str> = todo.settled.keys().map(String::as_str).collect();
            texts.push(if is_listed(names.len()) {
                format!("The following packages were already up-to-date: {}", names.join(", "))
            } else {
                format!("{} packages were already up-to-date", names.len())
            });
        }
        let report = Report::new(texts.join(" ")).changes(changes);
        if failed.is_empty() { Ok(Applied::Really(report)) } else { Err(Failure(report)) }
    }
}
