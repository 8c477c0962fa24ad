//! `pkg.installed`.

use fleet_common::args;
use fleet_common::call::CallError;
use fleet_common::value::{Map, Value};

use super::shared::{listed, predicted, refresh_once};
use crate::cx::{Act, Look};
use crate::modules::pkg::{
    Order, Selections, Wanted, framed, from_arguments, fulfils, install, is_dnf, local_files, order, packages,
    plan_hold, sources, wanted,
};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::packages::{InstallOptions, Packages, Step};

args! {
    /// Arguments of `pkg.installed`.
    pub struct Installed {
        /// The package.
        name: String,
        /// The version: exact, a pattern, comparisons (`>=1.0,<2.0`), or `latest`.
        version: Option<String> = None,
        /// Fetch the package indexes before; default when something is to be installed, once a run.
        refresh: Option<bool> = None,
        /// Release to prefer (`bookworm-backports`); with dnf the only repository.
        fromrepo: Option<String> = None,
        /// Install packages that cannot be authenticated.
        skip_verify: bool = false,
        /// Not used: suggestions are never installed.
        skip_suggestions: bool = false,
        /// Several packages instead of the name: names, or mappings of names to versions.
        pkgs: Value = Value::Null,
        /// Package files: mappings of names to paths, `salt://` or addresses.
        sources: Value = Value::Null,
        /// A newer version than the exact one asked for will do.
        allow_updates: bool = false,
        /// Not built; dpkg has no such verification.
        pkg_verify: Value = Value::Null,
        /// Not used: goes with pkg_verify.
        ignore_types: Value = Value::Null,
        /// Not used: goes with pkg_verify.
        verify_options: Value = Value::Null,
        /// Drop the machine's own architecture from names.
        normalize: bool = true,
        /// Compare versions without their epoch.
        ignore_epoch: Option<bool> = None,
        /// Install again what is there.
        reinstall: bool = false,
        /// Change held packages as well.
        update_holds: Option<bool> = None,
        /// True holds the packages afterwards, false lets them go.
        hold: Option<bool> = None,
        /// Only packages that are installed already.
        only_upgrade: bool = false,
        /// Recommended packages too; default as configured.
        install_recommends: Option<bool> = None,
        /// Do not fetch indexes that are younger than so many seconds.
        cache_valid_time: i64 = 0,
        /// Replace changed configuration files by the package's.
        force_conf_new: bool = false,
        /// Allow downgrades and unauthenticated packages.
        force_yes: bool = false,
        /// For other systems' packages; not used.
        resolve_capabilities: bool = false,
        /// Repositories to enable; dnf only.
        enablerepo: Vec<String> = Vec::new(),
        /// Repositories to disable; dnf only.
        disablerepo: Vec<String> = Vec::new(),
        /// Whose exclusions are not heeded (`all`, `main`, a repository); dnf only.
        disableexcludes: Option<String> = None,
        /// Options of dnf's configuration (`key=value`).
        setopt: Vec<String> = Vec::new(),
        /// For other systems' packages; not used.
        refresh_modules: bool = false,
        /// Taken for trees written for the reference, which does not use it: `pkg.latest` upgrades.
        upgrade: Value = Value::Null,
        /// Taken for trees written for the reference, which does not use it: repositories are `require`d.
        pkgrepo: Value = Value::Null,
    }
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Todo {
    all: Vec<Wanted>,
    due: Vec<Wanted>,
    files: std::collections::BTreeMap<String, String>,
    order: Order,
    saltenv: String,
    settled: String,
}

impl Installed {
    /// All packages asked for.
    fn all(&self, manager: &dyn Packages) -> Result<Vec<Wanted>, CallError> {
        let own = if self.normalize { manager.own_endings() } else { Vec::new() };
        let files = sources(&self.sources)?;
        if files.is_empty() {
            let version = self.version.as_deref().filter(|version| !version.is_empty());
            return wanted(Some(&self.name), version, &self.pkgs, &own);
        }
        Ok(files.into_keys().map(|name| Wanted { name, version: None }).collect())
    }

    /// Those that are not as asked.
    fn due(&self, manager: &dyn Packages, all: &[Wanted]) -> Result<Vec<Wanted>, CallError> {
        let installed = manager.installed()?;
        let newest: Vec<String> =
            all.iter().filter(|one| one.version.as_deref() == Some("latest")).map(|one| one.name.clone()).collect();
        let newer = if newest.is_empty() {
            Default::default()
        } else {
            crate::modules::pkg::latest(manager, &newest, &from_arguments!(self)?, false)?
        };
        let epoch = self.ignore_epoch.unwrap_or(false);
        let right = |one: &Wanted| {
            let Some(now) = installed.get(&one.name) else { return false };
            match one.version.as_deref() {
                None => true,
                Some("latest") => !newer.contains_key(&one.name),
                Some(asked) => fulfils(manager.scheme(), now, asked, epoch, self.allow_updates),
            }
        };
        Ok(all.iter().filter(|one| self.reinstall || !right(one)).cloned().collect())
    }

    fn options(&self, manager: &dyn Packages) -> Result<InstallOptions, CallError> {
        Ok(InstallOptions {
            from: from_arguments!(self)?,
            skip_verify: self.skip_verify || self.force_yes,
            only_upgrade: self.only_upgrade,
            recommends: self.install_recommends,
            reinstall: self.reinstall,
            downgrade: self.force_yes,
            held: self.update_holds.unwrap_or(manager.changes_held()),
            new_configuration: self.force_conf_new,
        })
    }

    /// What holding the packages says and changes, once they are there.
    fn holding(&self, look: &Look, all: &[Wanted], dry: bool) -> Result<(Vec<String>, Map, Selections), CallError> {
        let Some(held) = self.hold else { return Ok(Default::default()) };
        let names: Vec<String> = all.iter().map(|one| one.name.clone()).collect();
        let (answers, todo) = plan_hold(look, &names, held, dry)?;
        let (mut texts, mut changes) = (Vec::new(), Map::new());
        for (name, answer) in &answers {
            texts.extend(answer.get("comment").and_then(Value::as_str).map(str::to_owned));
            if let Some(change) = answer.get("changes").filter(|change| change.truthy()) {
                changes.insert(name.clone(), change.clone());
            }
        }
        Ok((texts, changes, todo))
    }

    /// What is said when the packages are as asked.
    fn settled(&self, all: &[Wanted]) -> String {
        let versions = all.iter().any(|one| one.version.is_some());
        let versions = if versions { " and are at the desired version" } else { "" };
        format!("All specified packages are already installed{versions}")
    }
}

/// Adds what holding changes: where a package changed as well, its old state and both new ones.
fn with_holds(changes: &mut Map, holds: Map) {
    for (name, hold) in holds {
        let fresh = changes.get_value(&name).and_then(|change| change.get("new")).and_then(Value::as_str);
        let word = hold.get("new").and_then(Value::as_str).unwrap_or_default();
        let both = fresh.map(|fresh| format!("{fresh}\n{word}"));
        match both {
            Some(both) => {
                let old = hold.get("old").filter(|old| !old.is_null()).cloned().unwrap_or_else(|| "install".into());
                changes.insert(name, Map::from_iter([("old", old), ("new", both.into())]));
            }
            None => drop(changes.insert(name, hold)),
        }
    }
}

impl State for Installed {
    type Todo = Todo;

    fn prepare(&self, act: &Act, run: &Run<'_>) -> Result<(), Failure> {
        if self.refresh == Some(false) {
            return Ok(());
        }
        let manager = packages(act, "pkg.installed")?;
        let all = self.all(&*manager)?;
        let newest = all.iter().any(|one| one.version.as_deref() == Some("latest"));
        let needed = self.refresh == Some(true) || newest || !self.due(&*manager, &all)?.is_empty();
        if needed { refresh_once(act, run, "pkg.installed", self.cache_valid_time) } else { Ok(()) }
    }

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        if self.pkg_verify.truthy() {
            let dnf = is_dnf(look, "pkg.installed")?;
            return Err(Failure::new(if dnf {
                "'pkg_verify' of pkg.installed is not built"
            } else {
                "pkg.verify not implemented"
            }));
        }
        let manager = packages(look, "pkg.installed")?;
        let all = self.all(&*manager)?;
        if all.is_empty() {
            return Ok(Plan::Nothing(Report::new("No packages to install provided")));
        }
        let due = self.due(&*manager, &all)?;
        let settled = self.settled(&all);
        let (dry_texts, holds, _) = self.holding(look, &all, true)?;
        if due.is_empty() {
            let comment = |texts: &[String]| {
                if texts.is_empty() { settled.clone() } else { format!("{settled}.\n{}", texts.join("\n")) }
            };
            if holds.is_empty() {
                return Ok(Plan::Nothing(Report::new(comment(&dry_texts))));
            }
            let (texts, ..) = self.holding(look, &all, false)?;
            let todo = Todo {
                all,
                due,
                files: Default::default(),
                order: Order::default(),
                saltenv: String::new(),
                settled: settled.clone(),
            };
            let would = Report::new(comment(&dry_texts)).changes(holds.clone());
            return Ok(Plan::Change { todo, would, did: Report::new(comment(&texts)).changes(holds) });
        }
        let files = sources(&self.sources)?;
        let named = if files.is_empty() { due.as_slice() } else { &[] };
        let order = order(&*manager, named, self.options(&*manager)?)?;
        let files: std::collections::BTreeMap<String, String> =
            files.into_iter().filter(|(name, _)| due.iter().any(|one| one.name == *name)).collect();
        let (mut changes, note) = self.predict(&*manager, &order, &due, &files)?;
        with_holds(&mut changes, holds);
        let mut names: Vec<String> = due.iter().map(|one| one.name.clone()).collect();
        names.sort();
        let what = if self.reinstall { "reinstalled" } else { "installed/updated" };
        let mut comment = format!("The following packages would be {what}: {}", names.join(", "));
        if let Some(note) = note {
            comment.push_str(&format!("\nWith the package sources as they are now it is said: {note}"));
        }
        let would = Report::new(comment).changes(changes.clone());
        let saltenv = run.saltenv.to_owned();
        let todo = Todo { all, due, files, order, saltenv, settled };
        Ok(Plan::Change { todo, would, did: Report::default().changes(changes) })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let manager = packages(act, "pkg.installed")?;
        let mut report =
            if todo.due.is_empty() { Report::new(todo.settled.clone()) } else { self.bring(act, &*manager, &todo)? };
        let (texts, holds, selections) = self.holding(act, &todo.all, false)?;
        if !selections.is_empty() {
            manager.select(&selections).map_err(CallError::from)?;
        }
        if !texts.is_empty() {
            let end = if todo.due.is_empty() { "." } else { "" };
            report.comment = format!("{}{end}\n{}", report.comment, texts.join("\n"));
        }
        with_holds(&mut report.changes, holds);
        Ok(Applied::Really(report))
    }
}

impl Installed {
    fn predict(
        &self,
        manager: &dyn Packages,
        order: &Order,
        due: &[Wanted],
        files: &std::collections::BTreeMap<String, String>,
    ) -> Result<(Map, Option<String>), Failure> {
        let mut words = order.words.clone();
        // A file that is not on this machine yet cannot be looked into.
        let local = files.values().all(|path| path.starts_with('/'));
        if let Some(missing) = files.values().find(|path| path.starts_with('/') && !std::path::Path::new(path).exists())
        {
            let text =
                format!("An error was encountered while installing package(s): {missing} does not exist on minion");
            return Err(Failure::new(text));
        }
        let guess = due.iter().map(|one| (one.name.clone(), one.version.clone().unwrap_or_default()));
        if local {
            words.extend(files.values().cloned());
            let step = Step::Install(words);
            let (mut changes, note) =
                predicted(manager, &step, &order.options, guess).map_err(|error| Failure::from(framed(error)))?;
            if self.reinstall {
                let installed = manager.installed().map_err(CallError::from)?;
                for one in due {
                    if let (Some(now), None) = (installed.get(&one.name), changes.get(&one.name)) {
                        changes.insert(one.name.as_str(), crate::modules::pkg::change(now, now));
                    }
                }
            }
            return Ok((changes, note));
        }
        let changes = guess.map(|(name, _)| (name, crate::modules::pkg::change("", "installed"))).collect();
        Ok((changes, None))
    }

    /// Installs what is due and says what came of it.
    fn bring(&self, act: &Act, manager: &dyn Packages, todo: &Todo) -> Result<Report, Failure> {
        let mut order = todo.order.clone();
        let files = local_files(act, &todo.files, &todo.saltenv)
            .map_err(|error| Failure::new(format!("An error was encountered while installing package(s): {error}")))?;
        order.words.extend(files);
        let changes = match install(manager, &order) {
            Ok(changes) => changes,
            Err((error, changes)) => return Err(Failure(Report::new(error.to_string()).changes(changes))),
        };
        let still = self.due(manager, &todo.due)?;
        let is_due = |list: &[Wanted], name: &str| list.iter().any(|one| one.name == name);
        let failed: Vec<String> = if self.reinstall {
            let installed = manager.installed().map_err(CallError::from)?;
            todo.due.iter().filter(|one| !installed.contains_key(&one.name)).map(Wanted::shown).collect()
        } else {
            still.iter().map(Wanted::shown).collect()
        };
        let pick = |due: bool| {
            let mut names: Vec<String> =
                todo.all.iter().filter(|one| is_due(&todo.due, &one.name) == due).map(Wanted::shown).collect();
            names.sort();
            names
        };
        let (done, before) = (pick(true), pick(false));
        let done: Vec<String> = done.into_iter().filter(|name| !failed.contains(name)).collect();
        let mut texts = Vec::new();
        match done.as_slice() {
            [] => {}
            [one] if self.reinstall => texts.push(format!("Package {one} was reinstalled.")),
            many if self.reinstall => texts.push(listed(many, "reinstalled")),
            many => texts.push(listed(many, "installed/updated")),
        }
        if !before.is_empty() {
            texts.push(format!("The following packages were already installed: {}", before.join(", ")));
        }
        if failed.is_empty() {
            return Ok(Report::new(texts.join("\n")).changes(changes));
        }
        texts.push(format!("The following packages failed to install/update: {}", failed.join(", ")));
        Err(Failure(Report::new(texts.join("\n")).changes(changes)))
    }
}
