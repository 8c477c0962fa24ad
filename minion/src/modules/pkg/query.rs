//! Functions of `pkg` that tell versions.

use std::collections::BTreeMap;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use super::change::refresh;
use super::from::from_arguments;
use super::provider::{is_dnf, packages};
use super::wanted::plain;
use crate::cx::{Act, Look};
use crate::system::apt::Want;
use crate::system::packages::{InstallOptions, Packages, Repositories, Scheme, Step, Versions, without_epoch};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// A package.
    pub struct One {
        /// The package.
        name: String,
    }
}

args! {
    /// Packages.
    pub struct Names {
        /// The packages.
        *names: Vec<String>,
        /// Taken for calls written for the reference.
        **kwargs: Map,
    }
}

args! {
    /// Arguments of `pkg.list_pkgs`.
    pub struct List {
        /// Each package with a list of versions.
        versions_as_list: bool = false,
        /// Packages of which only the configuration is there.
        removed: bool = false,
        /// Packages that are marked to be purged.
        purge_desired: bool = false,
        /// Attributes beside the version: `all`, or some of epoch, version, release, arch, install_date_time_t.
        attr: Vec<String> = Vec::new(),
    }
}

args! {
    /// Arguments of `pkg.latest_version`.
    pub struct Latest {
        /// The packages.
        *names: Vec<String>,
        /// Fetch the package indexes before.
        refresh: bool = true,
        /// The candidate of packages that have it, too.
        show_installed: bool = false,
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
        /// Do not fetch indexes that are younger than so many seconds.
        cache_valid_time: i64 = 0,
    }
}

args! {
    /// Arguments of `pkg.list_upgrades`.
    pub struct Upgrades {
        /// Fetch the package indexes before.
        refresh: bool = true,
        /// As an upgrade that may remove and add packages.
        dist_upgrade: bool = true,
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
        /// Do not fetch indexes that are younger than so many seconds.
        cache_valid_time: i64 = 0,
    }
}

args! {
    /// Arguments of `pkg.version_cmp`.
    pub struct Compare {
        /// A version.
        pkg1: String,
        /// Another version.
        pkg2: String,
        /// Without their epochs.
        ignore_epoch: bool = false,
    }
}

pub(super) fn list_pkgs(look: &Look, arguments: Arguments) -> CallResult {
    let args = List::bind("pkg.list_pkgs", arguments)?;
    if !args.attr.is_empty() {
        return Err(CallError::Unsupported("the argument 'attr' of pkg.list_pkgs".to_owned()));
    }
    let manager = packages(look, "pkg.list_pkgs")?;
    let all: Versions = match (args.purge_desired, args.removed) {
        (false, false) => manager.installed()?,
        // A removed package leaves nothing behind with rpm.
        _ if is_dnf(look, "pkg.list_pkgs")? => Versions::new(),
        (purge, _) => {
            let wants = manager.wants()?;
            let (known, installed) = (manager.known()?, manager.installed()?);
            let wanted = |name: &str| wants.get(name).is_some_and(|word| word == Want::Purge.word());
            known
                .into_iter()
                .filter(|(name, _)| if purge { wanted(name) } else { !installed.contains_key(name) })
                .collect()
        }
    };
    let shown = |version: String| {
        if args.versions_as_list { version.split(',').map(Value::from).collect::<Value>() } else { version.into() }
    };
    Ok(all.into_iter().map(|(name, version)| (name, shown(version))).collect::<Map>().into())
}

/// One version for one name, a mapping for several.
fn one_or_all(names: &[String], mut value: impl FnMut(&str) -> Value) -> CallResult {
    match names {
        [] => Ok(Value::from("").into()),
        [one] => Ok(value(one).into()),
        several => Ok(several.iter().map(|name| (name.as_str(), value(name))).collect::<Map>().into()),
    }
}

pub(super) fn version(look: &Look, arguments: Arguments) -> CallResult {
    let names = Names::bind("pkg.version", arguments)?.names;
    let installed = packages(look, "pkg.version")?.installed()?;
    one_or_all(&names, |name| installed.get(name).cloned().unwrap_or_default().into())
}

pub(super) fn latest_version(act: &Act, function: &str, arguments: Arguments) -> CallResult {
    let args = Latest::bind(function, arguments)?;
    let manager = packages(act, function)?;
    if args.refresh {
        refresh(&*manager, args.cache_valid_time)?;
    }
    let latest = latest(&*manager, &args.names, &from_arguments!(args)?, args.show_installed)?;
    one_or_all(&args.names, |name| latest.get(name).cloned().unwrap_or_default().into())
}

/// The newest of versions beside each other.
fn newest(versions: &str) -> Option<&str> {
    versions.rsplit(',').next()
}

/// The version to which each package can be brought; those that are there or unknown are left out.
pub fn latest(
    manager: &dyn Packages,
    names: &[String],
    from: &Repositories,
    all: bool,
) -> Result<BTreeMap<String, String>, CallError> {
    let installed = manager.installed()?;
    let mut candidates = manager.candidates(names, from)?;
    candidates.retain(|name, candidate| {
        all || installed
            .get(name)
            .is_none_or(|now| newest(now).is_none_or(|now| manager.scheme().compare(now, candidate).is_lt()))
    });
    Ok(candidates)
}

pub(super) fn upgrade_available(look: &Look, arguments: Arguments) -> CallResult {
    let name = One::bind("pkg.upgrade_available", arguments)?.name;
    let manager = packages(look, "pkg.upgrade_available")?;
    let latest = latest(&*manager, std::slice::from_ref(&name), &Repositories::default(), false)?;
    Ok(latest.contains_key(&name).into())
}

pub(super) fn list_upgrades(act: &Act, arguments: Arguments) -> CallResult {
    let args = Upgrades::bind("pkg.list_upgrades", arguments)?;
    let manager = packages(act, "pkg.list_upgrades")?;
    if args.refresh {
        refresh(&*manager, args.cache_valid_time)?;
    }
    let step = if args.dist_upgrade { Step::DistUpgrade } else { Step::Upgrade };
    let options = InstallOptions { from: from_arguments!(args)?, ..InstallOptions::default() };
    let would = manager.simulate(&step, &options)?;
    Ok(would
        .into_iter()
        .filter(|(_, (_, new))| !new.is_empty())
        .map(|(name, (_, new))| (name, new))
        .collect::<Map>()
        .into())
}

pub(super) fn version_cmp(look: &Look, arguments: Arguments) -> CallResult {
    let args = Compare::bind("pkg.version_cmp", arguments)?;
    let scheme = if is_dnf(look, "pkg.version_cmp").is_ok_and(|dnf| dnf) { Scheme::Rpm } else { Scheme::Debian };
    let order = if args.ignore_epoch {
        scheme.compare(without_epoch(&args.pkg1), without_epoch(&args.pkg2))
    } else {
        scheme.compare(&args.pkg1, &args.pkg2)
    };
    Ok(Value::from(order as i64).into())
}

pub(super) fn list_repo_pkgs(look: &Look, arguments: Arguments) -> CallResult {
    let names = Names::bind("pkg.list_repo_pkgs", arguments)?.names;
    if names.is_empty() {
        return Err(CallError::Unsupported("pkg.list_repo_pkgs without names of packages".to_owned()));
    }
    let manager = packages(look, "pkg.list_repo_pkgs")?;
    let mut found = Map::new();
    for name in &names {
        let versions = manager.offered(name)?;
        if !versions.is_empty() {
            found.insert(name.as_str(), versions);
        }
    }
    Ok(found.into())
}

pub(super) fn list_downloaded(look: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("pkg.list_downloaded", arguments)?;
    Ok(packages(look, "pkg.list_downloaded")?.downloaded()?.into())
}

pub(super) fn normalize_name(look: &Look, arguments: Arguments) -> CallResult {
    let name = One::bind("pkg.normalize_name", arguments)?.name;
    Ok(plain(&name, &packages(look, "pkg.normalize_name")?.own_endings()).into())
}

pub(super) fn parse_arch(look: &Look, arguments: Arguments) -> CallResult {
    let name = One::bind("pkg.parse_arch", arguments)?.name;
    let divided =
        if is_dnf(look, "pkg.parse_arch").is_ok_and(|dnf| dnf) { name.rsplit_once('.') } else { name.split_once(':') };
    let (name, architecture) = divided.map_or((name.as_str(), Value::Null), |(name, found)| (name, found.into()));
    Ok(Map::from_iter([("name", Value::from(name)), ("arch", architecture)]).into())
}
