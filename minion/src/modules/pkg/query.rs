//! Functions of `pkg` that tell versions.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use super::change::refresh;
use super::provider::apt;
use crate::cx::{Act, Look};
use crate::system::apt::version::{compare, without_epoch};
use crate::system::apt::{Apt, InstallOptions, Package, Step, Want};

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
        /// Release to prefer.
        fromrepo: Option<String> = None,
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
    let apt = apt(look, "pkg.list_pkgs")?;
    let listed = |package: &Package| match (args.purge_desired, args.removed) {
        (true, _) => package.want == Want::Purge && package.is_known(),
        (_, true) => !package.is_installed() && package.is_known(),
        _ => package.is_installed(),
    };
    let all: BTreeMap<String, String> = apt
        .packages()?
        .into_iter()
        .filter(listed)
        .map(|package| (package.listed_name(&apt.places.architecture), package.version))
        .collect();
    let shown = |version: String| if args.versions_as_list { Value::from(vec![version]) } else { version.into() };
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
    let installed = apt(look, "pkg.version")?.installed()?;
    one_or_all(&names, |name| installed.get(name).cloned().unwrap_or_default().into())
}

pub(super) fn latest_version(act: &Act, function: &str, arguments: Arguments) -> CallResult {
    let args = Latest::bind(function, arguments)?;
    let apt = apt(act, function)?;
    if args.refresh {
        refresh(&apt, args.cache_valid_time)?;
    }
    let latest = latest(&apt, &args.names, args.fromrepo.as_deref(), args.show_installed)?;
    one_or_all(&args.names, |name| latest.get(name).cloned().unwrap_or_default().into())
}

/// The version to which each package can be brought; those that are there or unknown are left out.
pub fn latest(
    apt: &Apt<'_>,
    names: &[String],
    fromrepo: Option<&str>,
    all: bool,
) -> Result<BTreeMap<String, String>, CallError> {
    let installed = apt.installed()?;
    let mut candidates = apt.candidates(names, fromrepo)?;
    candidates.retain(|name, candidate| {
        all || installed.get(name).is_none_or(|now| compare(now, candidate) == Ordering::Less)
    });
    Ok(candidates)
}

pub(super) fn upgrade_available(look: &Look, arguments: Arguments) -> CallResult {
    let name = One::bind("pkg.upgrade_available", arguments)?.name;
    let apt = apt(look, "pkg.upgrade_available")?;
    let latest = latest(&apt, std::slice::from_ref(&name), None, false)?;
    Ok(latest.contains_key(&name).into())
}

pub(super) fn list_upgrades(act: &Act, arguments: Arguments) -> CallResult {
    let args = Upgrades::bind("pkg.list_upgrades", arguments)?;
    let apt = apt(act, "pkg.list_upgrades")?;
    if args.refresh {
        refresh(&apt, args.cache_valid_time)?;
    }
    let step = if args.dist_upgrade { Step::DistUpgrade } else { Step::Upgrade };
    let would = apt.simulate(&step, &InstallOptions::default())?;
    Ok(would
        .into_iter()
        .filter(|(_, (_, new))| !new.is_empty())
        .map(|(name, (_, new))| (name, new))
        .collect::<Map>()
        .into())
}

pub(super) fn version_cmp(_: &Look, arguments: Arguments) -> CallResult {
    let args = Compare::bind("pkg.version_cmp", arguments)?;
    let order = if args.ignore_epoch {
        compare(without_epoch(&args.pkg1), without_epoch(&args.pkg2))
    } else {
        compare(&args.pkg1, &args.pkg2)
    };
    Ok(Value::from(order as i64).into())
}

pub(super) fn list_repo_pkgs(look: &Look, arguments: Arguments) -> CallResult {
    let names = Names::bind("pkg.list_repo_pkgs", arguments)?.names;
    if names.is_empty() {
        return Err(CallError::Unsupported("pkg.list_repo_pkgs without names of packages".to_owned()));
    }
    let apt = apt(look, "pkg.list_repo_pkgs")?;
    let mut found = Map::new();
    for name in &names {
        let versions = apt.offered(name)?;
        if !versions.is_empty() {
            found.insert(name.as_str(), versions);
        }
    }
    Ok(found.into())
}

pub(super) fn list_downloaded(look: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("pkg.list_downloaded", arguments)?;
    Ok(downloaded(&apt(look, "pkg.list_downloaded")?)?.into())
}

/// Package files that were fetched and kept, by name and version.
pub fn downloaded(apt: &Apt<'_>) -> Result<Map, CallError> {
    let mut found = Map::new();
    let Ok(entries) = std::fs::read_dir(&apt.places.archives) else { return Ok(found) };
    for entry in entries.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let Some(stem) = file.strip_suffix(".deb") else { continue };
        let mut parts = stem.split('_');
        let (Some(name), Some(version), Ok(meta)) = (parts.next(), parts.next(), entry.metadata()) else { continue };
        let when = jiff::Timestamp::from_second(meta.ctime()).unwrap_or_default();
        let facts = Map::from_iter([
            ("path", Value::from(entry.path().to_string_lossy().into_owned())),
            ("size", Value::Int(i64::try_from(meta.size()).unwrap_or(i64::MAX))),
            ("creation_date_time_t", meta.ctime().into()),
            ("creation_date_time", when.strftime("%Y-%m-%dT%H:%M:%S").to_string().into()),
        ]);
        // The colon of an epoch is written as %3a.
        let versions = found.entry_or_insert_with(name, || Value::Map(Map::new()));
        if let Some(versions) = versions.as_map_mut() {
            versions.insert(version.replace("%3a", ":"), facts);
        }
    }
    Ok(found)
}

pub(super) fn normalize_name(look: &Look, arguments: Arguments) -> CallResult {
    let name = One::bind("pkg.normalize_name", arguments)?.name;
    let own = apt(look, "pkg.normalize_name")?.places.architecture;
    let short = name.strip_suffix(own.as_str()).and_then(|name| name.strip_suffix(':'));
    Ok(short.unwrap_or(&name).into())
}

pub(super) fn parse_arch(_: &Look, arguments: Arguments) -> CallResult {
    let name = One::bind("pkg.parse_arch", arguments)?.name;
    let (name, architecture) =
        name.split_once(':').map_or((name.as_str(), Value::Null), |(name, found)| (name, found.into()));
    Ok(Map::from_iter([("name", Value::from(name)), ("arch", architecture)]).into())
}
