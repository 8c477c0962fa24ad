//! Functions of `pkg` that tell what packages say of themselves and which files they have.

use std::os::unix::fs::MetadataExt;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use super::provider::apt;
use super::query::Names;
use crate::cx::Look;
use crate::system::apt::{Apt, Package};

args! {
    /// Arguments of `pkg.info_installed`.
    pub struct Info {
        /// The packages.
        *names: Vec<String>,
        /// Fail when one of them is not installed.
        failhard: bool = true,
        /// Not used: only what is installed is told.
        removed: bool = false,
        /// Only these facts, separated by commas; `all` for all.
        attr: Option<String> = None,
    }
}

args! {
    /// Arguments of `pkg.show`.
    pub struct Show {
        /// The packages.
        *names: Vec<String>,
        /// Only these fields, separated by commas.
        filter: Vec<String> = Vec::new(),
    }
}

args! {
    /// Files.
    pub struct Paths {
        /// The files.
        *paths: Vec<String>,
    }
}

pub(super) fn info_installed(look: &Look, arguments: Arguments) -> CallResult {
    let args = Info::bind("pkg.info_installed", arguments)?;
    let apt = apt(look, "pkg.info_installed")?;
    let all = apt.packages()?;
    let own = apt.places.architecture.as_str();
    let is = |package: &Package, name: &str| package.name == name || package.listed_name(own) == name;
    if let Some(name) =
        args.names.iter().find(|name| !all.iter().any(|package| is(package, name) && package.is_known()))
        && args.failhard
    {
        return Err(CallError::Failed(format!(
            "Error getting packages information: dpkg-query: no packages found matching {name}"
        )));
    }
    let wanted = |package: &&Package| {
        package.is_installed() && (args.names.is_empty() || args.names.iter().any(|name| is(package, name)))
    };
    let attributes: Option<Vec<&str>> =
        args.attr.as_deref().filter(|attr| *attr != "all").map(|attr| attr.split(',').map(str::trim).collect());
    let mut found = Map::new();
    for package in all.iter().filter(wanted) {
        let mut facts = facts(&apt, package);
        if let Some(attributes) = &attributes {
            facts.retain(|key, _| key.as_str().is_some_and(|key| attributes.contains(&key)));
        }
        found.insert(package.listed_name(own), facts);
    }
    Ok(found.into())
}

fn facts(apt: &Apt<'_>, package: &Package) -> Map {
    let mut facts = Map::from_iter([("name", Value::from(package.name.as_str()))]);
    let list = |suffix: &str| apt.places.admindir().join("info").join(format!("{suffix}.list"));
    let meta = std::fs::metadata(list(&package.name))
        .or_else(|_| std::fs::metadata(list(&format!("{}:{}", package.name, package.architecture))));
    if let Some(when) = meta.ok().and_then(|meta| jiff::Timestamp::from_second(meta.mtime()).ok()) {
        facts.insert("install_date", when.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
    let mut take = |key: &str, field: &str| {
        if let Some(value) = package.field(field) {
            facts.insert(key, value);
        }
    };
    take("architecture", "Architecture");
    take("packager", "Maintainer");
    facts.insert("source", package.field("Source").unwrap_or(&package.name));
    facts.insert("version", package.version.as_str());
    let mut take = |key: &str, field: &str| {
        if let Some(value) = package.field(field) {
            facts.insert(key, value);
        }
    };
    take("group", "Section");
    take("url", "Homepage");
    if let Some(text) = package.field("Description") {
        facts.insert("description", format!("{text}\n"));
    }
    facts
}

pub(super) fn show(look: &Look, arguments: Arguments) -> CallResult {
    let args = Show::bind("pkg.show", arguments)?;
    let mut found = Map::new();
    for fields in apt(look, "pkg.show")?.shown(&args.names)? {
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let (Some(name), Some(version)) = (field("Package"), field("Version")) else { continue };
        let kept = |key: &str| {
            !["Package", "Version"].contains(&key)
                && (args.filter.is_empty() || args.filter.iter().any(|filter| filter.eq_ignore_ascii_case(key)))
        };
        // Of a text of several lines the first one is told.
        let line = |value: &str| value.lines().next().unwrap_or_default().to_owned();
        let told: Map =
            fields.iter().filter(|(key, _)| kept(key)).map(|(key, value)| (key.as_str(), line(value))).collect();
        let versions = found.entry_or_insert_with(name, || Value::Map(Map::new()));
        if let Some(versions) = versions.as_map_mut() {
            versions.insert(version, told);
        }
    }
    Ok(found.into())
}

/// The files of a package as dpkg lists them, or why there are none.
fn files(apt: &Apt<'_>, name: &str) -> Result<Result<Vec<String>, String>, CallError> {
    let finished = apt.query(&["-L", name])?;
    if finished.status != 0 {
        let told = String::from_utf8_lossy(&finished.stderr);
        return Ok(Err(told.lines().next().unwrap_or_default().to_owned()));
    }
    let text = String::from_utf8_lossy(&finished.stdout);
    Ok(Ok(text.lines().filter(|line| line.starts_with('/')).map(str::to_owned).collect()))
}

fn names_or_all(apt: &Apt<'_>, names: Vec<String>) -> Result<Vec<String>, CallError> {
    if names.is_empty() { Ok(apt.installed()?.into_keys().collect()) } else { Ok(names) }
}

pub(super) fn file_list(look: &Look, arguments: Arguments) -> CallResult {
    let apt = apt(look, "pkg.file_list")?;
    let names = names_or_all(&apt, Names::bind("pkg.file_list", arguments)?.names)?;
    let (mut errors, mut found) = (Vec::new(), std::collections::BTreeSet::new());
    for name in names {
        match files(&apt, &name)? {
            Ok(files) => found.extend(files),
            Err(error) => errors.push(error),
        }
    }
    let found: Value = found.into_iter().collect();
    Ok(Map::from_iter([("errors", Value::from(errors)), ("files", found)]).into())
}

pub(super) fn file_dict(look: &Look, arguments: Arguments) -> CallResult {
    let apt = apt(look, "pkg.file_dict")?;
    let names = names_or_all(&apt, Names::bind("pkg.file_dict", arguments)?.names)?;
    let (mut errors, mut found) = (Vec::new(), Map::new());
    for name in names {
        match files(&apt, &name)? {
            Ok(files) => drop(found.insert(name, files)),
            Err(error) => errors.push(error),
        }
    }
    Ok(Map::from_iter([("errors", Value::from(errors)), ("packages", found.into())]).into())
}

pub(super) fn owner(look: &Look, arguments: Arguments) -> CallResult {
    let paths = Paths::bind("pkg.owner", arguments)?.paths;
    let apt = apt(look, "pkg.owner")?;
    let mut found = Map::new();
    for path in &paths {
        let finished = apt.query(&["-S", path])?;
        let text = String::from_utf8_lossy(&finished.stdout);
        // "libc6:amd64, other: /path": the path may hold a colon, names may not hold blanks.
        let owner = text.lines().find_map(|line| line.split_once(": ")).map(|(owner, _)| owner).unwrap_or_default();
        let own = format!(":{}", apt.places.architecture);
        found.insert(path.as_str(), owner.trim_end_matches(own.as_str()));
    }
    match paths.as_slice() {
        [] => Ok("".into()),
        [one] => Ok(found.get(one).cloned().unwrap_or_default().into()),
        _ => Ok(found.into()),
    }
}
