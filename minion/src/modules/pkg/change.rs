//! Functions of `pkg` that change what is installed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Facts};
use fleet_common::value::{Map, Value};

use super::from::from_arguments;
use super::provider::packages;
use super::wanted::{Wanted, fulfils, is_range, sources, wanted};
use crate::cx::{Act, Look};
use crate::system::packages::{InstallOptions, PackageError, Packages, Step};

args! {
    /// Arguments of `pkg.install`.
    pub struct Install {
        /// The package; several separated by commas.
        name: Option<String> = None,
        /// Fetch the package indexes before.
        refresh: bool = false,
        /// Release to prefer (`bookworm-backports`); with dnf the only repository.
        fromrepo: Option<String> = None,
        /// Install packages that cannot be authenticated.
        skip_verify: bool = false,
        /// Answers to questions of packages are not given here; see `debconf`.
        debconf: Option<String> = None,
        /// Several packages: names, or mappings of names to versions.
        pkgs: Value = Value::Null,
        /// Package files: mappings of names to paths or addresses.
        sources: Value = Value::Null,
        /// Install again what is there.
        reinstall: bool = false,
        /// Only fetch the package files.
        downloadonly: bool = false,
        /// Compare versions without their epoch.
        ignore_epoch: bool = false,
        /// The version: exact, a pattern, or comparisons (`>=1.0,<2.0`).
        version: Option<String> = None,
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
        /// Change held packages as well.
        update_holds: Option<bool> = None,
        /// Drop an architecture that is the machine's own from names.
        normalize: bool = true,
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

args! {
    /// Arguments of `pkg.remove` and `pkg.purge`.
    pub struct Remove {
        /// The package; several separated by commas.
        name: Option<String> = None,
        /// Several packages.
        pkgs: Value = Value::Null,
    }
}

args! {
    /// Arguments of `pkg.upgrade`.
    pub struct Upgrade {
        /// Fetch the package indexes before.
        refresh: bool = true,
        /// Remove and add packages where that is needed.
        dist_upgrade: bool = false,
        /// Allow downgrades and unauthenticated packages.
        force_yes: bool = false,
        /// Do not fetch indexes that are younger than so many seconds.
        cache_valid_time: i64 = 0,
        /// Only fetch the package files.
        download_only: bool = false,
        /// The same.
        downloadonly: bool = false,
        /// Replace changed configuration files by the package's.
        force_conf_new: bool = false,
        /// Install packages that cannot be authenticated.
        allow_downgrades: bool = false,
        /// Only these packages, those of them that are installed.
        name: Option<String> = None,
        /// Several of them.
        pkgs: Value = Value::Null,
        /// Install packages that cannot be authenticated; dnf only.
        skip_verify: bool = false,
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

args! {
    /// Arguments of `pkg.refresh_db`.
    pub struct Refresh {
        /// Do nothing when the indexes are younger than so many seconds.
        cache_valid_time: i64 = 0,
        /// Fail when a source cannot be fetched.
        failhard: bool = false,
    }
}

args! {
    /// Arguments of `pkg.autoremove`.
    pub struct Autoremove {
        /// Only list them.
        list_only: bool = false,
        /// Their configuration as well.
        purge: bool = false,
    }
}

/// What an installation is to do, with everything looked up: no look-up remains for the moment of change.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// What the package manager is given: names, names with versions, or paths of package files.
    pub words: Vec<String>,
    /// The names of the packages, where they are known.
    pub names: Vec<String>,
    /// How.
    pub options: InstallOptions,
}

impl From<PackageError> for CallError {
    fn from(error: PackageError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The words for the package manager that bring these packages in, and the options they need.
pub fn order(manager: &dyn Packages, all: &[Wanted], mut options: InstallOptions) -> Result<Order, CallError> {
    let installed = manager.installed()?;
    let mut words = Vec::new();
    let names = all.iter().map(|package| package.name.clone()).collect();
    for package in all {
        let asked = match package.version.as_deref() {
            None => {
                words.push(package.name.clone());
                continue;
            }
            Some("latest") => {
                let newest = manager.candidates(std::slice::from_ref(&package.name), &options.from)?;
                let word = newest.get(&package.name).map(|version| manager.word(&package.name, version));
                words.push(word.unwrap_or_else(|| package.name.clone()));
                continue;
            }
            Some(asked) => asked,
        };
        let version = if is_range(asked) {
            let offered = manager.offered(&package.name)?;
            match offered.iter().find(|version| fulfils(manager.scheme(), version, asked, false, false)) {
                Some(version) => version.clone(),
                None => {
                    let known = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
                    return Err(problem(&format!(
                        "No version matching '{}' could be found (available: {known})",
                        package.shown()
                    )));
                }
            }
        } else {
            asked.trim_start_matches('=').to_owned()
        };
        let now = installed.get(&package.name);
        options.downgrade |= now.is_some_and(|now| manager.scheme().compare(&version, now).is_lt());
        words.push(manager.word(&package.name, &version));
    }
    Ok(Order { words, names, options })
}

/// The reference's frame around what the package manager complains of.
pub fn problem(complaint: &str) -> CallError {
    let lines = complaint.replace('\n', "\n      ");
    CallError::Failed(format!(
        "Problem encountered installing package(s). Additional info follows:\n\nerrors:\n    - {lines}"
    ))
}

/// A refusal in that frame; anything else as it is.
pub fn framed(error: PackageError) -> CallError {
    match error {
        PackageError::Refused(text) => problem(&text),
        other => other.into(),
    }
}

/// Fetches the indexes unless they are younger than `valid` seconds.
pub fn refresh(manager: &dyn Packages, valid: i64) -> Result<BTreeMap<String, Option<bool>>, CallError> {
    if manager.is_fresh(valid) {
        return Ok(BTreeMap::new());
    }
    Ok(manager.refresh()?)
}

/// What differs between two lists of packages, old and new by name.
pub fn difference(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Map {
    let mut changes = Map::new();
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let (was, is) = (old.get(name), new.get(name));
        if was != is {
            changes.insert(name.as_str(), change(was.map_or("", String::as_str), is.map_or("", String::as_str)));
        }
    }
    changes
}

/// `{old: …, new: …}`.
pub fn change(old: &str, new: &str) -> Map {
    Map::from_iter([("old", old), ("new", new)])
}

/// Does an order; returns what changed. A failure says what had changed by then.
pub fn install(manager: &dyn Packages, order: &Order) -> Result<Map, (CallError, Map)> {
    let plain = |error: PackageError| (CallError::from(error), Map::new());
    let before = manager.installed().map_err(plain)?;
    let done = manager.carry_out(&Step::Install(order.words.clone()), &order.options);
    let after = manager.installed().map_err(plain)?;
    let mut changes = difference(&before, &after);
    if order.options.reinstall {
        for name in &order.names {
            if let (Some(was), Some(is), None) = (before.get(name), after.get(name), changes.get(name.as_str())) {
                changes.insert(name.as_str(), change(was, is));
            }
        }
    }
    match done {
        Ok(()) => Ok(changes),
        Err(error) => Err((framed(error), changes)),
    }
}

/// Paths on this machine of package files given by path, `salt://` or address.
pub fn local_files(act: &Act, files: &BTreeMap<String, String>, saltenv: &str) -> Result<Vec<String>, CallError> {
    files.values().map(|place| local_file(act, place, saltenv)).collect()
}

fn local_file(act: &Act, place: &str, saltenv: &str) -> Result<String, CallError> {
    if place.starts_with('/') {
        if !Path::new(place).exists() {
            return Err(CallError::Failed(format!("{place} does not exist on minion")));
        }
        return Ok(place.to_owned());
    }
    let arguments = Arguments::positional([place]).with("saltenv", saltenv);
    match act.run("cp.cache_file", arguments)?.value {
        Value::Str(path) if !path.is_empty() => Ok(path),
        _ => Err(CallError::Failed(format!("Unable to cache {place}"))),
    }
}

pub(super) fn run_install(act: &Act, arguments: Arguments) -> CallResult {
    let args = Install::bind("pkg.install", arguments)?;
    if args.debconf.is_some() {
        return Err(CallError::Unsupported("the argument 'debconf' of pkg.install".to_owned()));
    }
    let manager = packages(act, "pkg.install")?;
    if args.refresh {
        refresh(&*manager, args.cache_valid_time)?;
    }
    let files = sources(&args.sources)?;
    let own = if args.normalize { manager.own_endings() } else { Vec::new() };
    let all = if files.is_empty() {
        wanted(args.name.as_deref(), args.version.as_deref(), &args.pkgs, &own)?
    } else {
        Vec::new()
    };
    let options = InstallOptions {
        from: from_arguments!(args)?,
        skip_verify: args.skip_verify || args.force_yes,
        only_upgrade: args.only_upgrade,
        recommends: args.install_recommends,
        reinstall: args.reinstall,
        downgrade: args.force_yes,
        held: args.update_holds.unwrap_or(manager.changes_held()),
        new_configuration: args.force_conf_new,
    };
    let installed = manager.installed()?;
    let due = |package: &Wanted| {
        let now = installed.get(&package.name);
        let right =
            |asked: &String| now.is_some_and(|now| fulfils(manager.scheme(), now, asked, args.ignore_epoch, false));
        args.reinstall || args.downloadonly || !package.version.as_ref().map_or(now.is_some(), right)
    };
    let all: Vec<Wanted> = all.into_iter().filter(due).collect();
    let mut order = order(&*manager, &all, options)?;
    order.words.extend(local_files(act, &files, "base")?);
    if order.words.is_empty() {
        return Ok(Map::new().into());
    }
    if args.downloadonly {
        let before = manager.downloaded()?;
        manager.carry_out(&Step::Download(order.words), &order.options).map_err(framed)?;
        let after = manager.downloaded()?;
        return Ok(after.into_iter().filter(|(name, _)| before.get_value(name).is_none()).collect::<Map>().into());
    }
    install(&*manager, &order).map(Into::into).map_err(|(error, _)| error)
}

pub(super) fn run_remove(act: &Act, arguments: Arguments) -> CallResult {
    let args = Remove::bind("pkg.remove", arguments)?;
    let manager = packages(act, "pkg.remove")?;
    let names = names(&*manager, &args)?;
    take_away(&*manager, names)
}

/// Removes those of the packages that are there; what changed.
fn take_away(manager: &dyn Packages, names: Vec<String>) -> CallResult {
    let before = manager.installed()?;
    let there: Vec<String> = names.into_iter().filter(|name| before.contains_key(name)).collect();
    if there.is_empty() {
        return Ok(Map::new().into());
    }
    manager.carry_out(&Step::Remove(there), &InstallOptions::default()).map_err(|error| removal_problem(&error))?;
    Ok(difference(&before, &manager.installed()?).into())
}

pub(super) fn run_purge(act: &Act, arguments: Arguments) -> CallResult {
    let args = Remove::bind("pkg.purge", arguments)?;
    let manager = packages(act, "pkg.purge")?;
    let names = names(&*manager, &args)?;
    if !manager.keeps_configuration() {
        return take_away(&*manager, names);
    }
    let known = manager.known()?;
    let there: Vec<String> = names.into_iter().filter(|name| known.contains_key(name)).collect();
    if there.is_empty() {
        return Ok(purged(Map::new(), Map::new()).into());
    }
    let before = (manager.installed()?, known);
    manager.carry_out(&Step::Purge(there), &InstallOptions::default()).map_err(|error| removal_problem(&error))?;
    let installed = difference(&before.0, &manager.installed()?);
    Ok(purged(difference(&before.1, &manager.known()?), installed).into())
}

/// What a removal that is refused is called.
pub fn removal_problem(error: &PackageError) -> CallError {
    let lines = error.to_string().replace('\n', "\n      ");
    CallError::Failed(format!(
        "Problem encountered removing package(s). Additional info follows:\n\nerrors:\n    - {lines}"
    ))
}

/// The shape `pkg.purge` answers in: what was installed, and what had left only its configuration.
pub fn purged(mut gone: Map, installed: Map) -> Map {
    gone.retain(|name, _| installed.get_value(name).is_none());
    Map::from_iter([("removed", gone), ("installed", installed)])
}

fn names(manager: &dyn Packages, args: &Remove) -> Result<Vec<String>, CallError> {
    let all = wanted(args.name.as_deref(), None, &args.pkgs, &manager.own_endings())?;
    Ok(all.into_iter().map(|wanted| wanted.name).collect())
}

pub(super) fn run_upgrade(act: &Act, arguments: Arguments) -> CallResult {
    let args = Upgrade::bind("pkg.upgrade", arguments)?;
    let manager = packages(act, "pkg.upgrade")?;
    if args.refresh {
        refresh(&*manager, args.cache_valid_time)?;
    }
    let options = InstallOptions {
        from: from_arguments!(args)?,
        skip_verify: args.force_yes || args.skip_verify,
        downgrade: args.force_yes || args.allow_downgrades,
        new_configuration: args.force_conf_new,
        ..InstallOptions::default()
    };
    let only = wanted(args.name.as_deref(), None, &args.pkgs, &manager.own_endings())?;
    let names = only.into_iter().map(|wanted| wanted.name).collect();
    upgrade(&*manager, args.dist_upgrade, names, options).map(Into::into)
}

/// Brings all packages (or those named) up to date.
pub fn upgrade(
    manager: &dyn Packages,
    dist: bool,
    only: Vec<String>,
    options: InstallOptions,
) -> Result<Map, CallError> {
    let step = match (only.is_empty(), dist) {
        (false, _) => Step::Install(only),
        (true, true) => Step::DistUpgrade,
        (true, false) => Step::Upgrade,
    };
    let options = InstallOptions { only_upgrade: matches!(step, Step::Install(_)), ..options };
    let before = manager.installed()?;
    manager.carry_out(&step, &options).map_err(|error| {
        let lines = error.to_string().replace('\n', "\n      ");
        CallError::Failed(format!(
            "Problem encountered upgrading packages. Additional info follows:\n\nresult:\n    {lines}"
        ))
    })?;
    Ok(difference(&before, &manager.installed()?))
}

pub(super) fn run_refresh(act: &Act, arguments: Arguments) -> CallResult {
    let args = Refresh::bind("pkg.refresh_db", arguments)?;
    let manager = packages(act, "pkg.refresh_db")?;
    let sources = refresh(&*manager, args.cache_valid_time)?;
    let failed: Vec<&str> = sources.iter().filter(|(_, ok)| ok.is_none()).map(|(name, _)| name.as_str()).collect();
    if args.failhard && !failed.is_empty() {
        return Err(CallError::Failed(format!("Error getting repos: {}", failed.join(", "))));
    }
    Ok(manager.refreshed(sources).into())
}

pub(super) fn run_autoremove(act: &Act, arguments: Arguments) -> CallResult {
    let args = Autoremove::bind("pkg.autoremove", arguments)?;
    let manager = packages(act, "pkg.autoremove")?;
    let step = Step::Autoremove { purge: args.purge };
    if args.list_only {
        let would = manager.simulate(&step, &InstallOptions::default())?;
        return Ok(would.into_keys().collect::<Value>().into());
    }
    let before = manager.installed()?;
    manager.carry_out(&step, &InstallOptions::default())?;
    Ok(difference(&before, &manager.installed()?).into())
}

/// How long the minion's configuration lets us wait for another manager.
pub(super) fn lock_timeout(look: &Look) -> Option<Duration> {
    let seconds = look.opts().get("apt_lock_timeout").and_then(Value::as_int)?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}
