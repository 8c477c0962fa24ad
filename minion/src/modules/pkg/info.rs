//! Functions of `pkg` that tell what packages say of themselves and which files they have.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use super::provider::{apt, dnf, packages};
use super::query::Names;
use crate::cx::Look;
use crate::system::packages::Packages;

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
    let manager = packages(look, "pkg.info_installed")?;
    let all = manager.told(&args.names, args.failhard);
    let all = all.map_err(|error| CallError::Failed(format!("Error getting packages information: {error}")))?;
    let attributes: Option<Vec<&str>> =
        args.attr.as_deref().filter(|attr| *attr != "all").map(|attr| attr.split(',').map(str::trim).collect());
    let mut found = Map::new();
    for (name, mut facts) in all {
        if let Some(attributes) = &attributes {
            facts.retain(|key, _| key.as_str().is_some_and(|key| attributes.contains(&key)));
        }
        found.insert(name, facts);
    }
    Ok(found.into())
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

fn names_or_all(manager: &dyn Packages, names: Vec<String>) -> Result<Vec<String>, CallError> {
    if names.is_empty() { Ok(manager.installed()?.into_keys().collect()) } else { Ok(names) }
}

/// The files of packages, and what was said of those that are not there.
pub fn file_list(look: &Look, function: &str, arguments: Arguments) -> CallResult {
    let manager = packages(look, function)?;
    let names = names_or_all(&*manager, Names::bind(function, arguments)?.names)?;
    let (mut errors, mut found) = (Vec::new(), std::collections::BTreeSet::new());
    for name in names {
        match manager.files(&name)? {
            Ok(files) => found.extend(files),
            Err(error) => errors.push(error),
        }
    }
    let found: Value = found.into_iter().collect();
    Ok(Map::from_iter([("errors", Value::from(errors)), ("files", found)]).into())
}

/// The files of packages by package, and what was said of those that are not there.
pub fn file_dict(look: &Look, function: &str, arguments: Arguments) -> CallResult {
    let manager = packages(look, function)?;
    let names = names_or_all(&*manager, Names::bind(function, arguments)?.names)?;
    let (mut errors, mut found) = (Vec::new(), Map::new());
    for name in names {
        match manager.files(&name)? {
            Ok(files) => drop(found.insert(name, files)),
            Err(error) => errors.push(error),
        }
    }
    Ok(Map::from_iter([("errors", Value::from(errors)), ("packages", found.into())]).into())
}

pub(super) fn owner(look: &Look, arguments: Arguments) -> CallResult {
    let paths = Paths::bind("pkg.owner", arguments)?.paths;
    let manager = packages(look, "pkg.owner")?;
    let mut found = Map::new();
    for path in &paths {
        found.insert(path.as_str(), manager.owner(path)?);
    }
    match paths.as_slice() {
        [] => Ok("".into()),
        [one] => Ok(found.get(one).cloned().unwrap_or_default().into()),
        _ => Ok(found.into()),
    }
}

args! {
    /// Arguments of `pkg.verify`.
    pub struct Verify {
        /// The packages; all without names.
        *names: Vec<String>,
        /// Kinds of files that are left out: config, doc, ghost, license, readme.
        ignore_types: Vec<String> = Vec::new(),
        /// More options of `rpm --verify` (`nomtime`).
        verify_options: Vec<String> = Vec::new(),
    }
}

pub(super) fn verify(look: &Look, arguments: Arguments) -> CallResult {
    let args = Verify::bind("pkg.verify", arguments)?;
    let dnf = dnf(look, "pkg.verify")?;
    let is_ignored = |kind: Option<&str>| kind.is_some_and(|kind| args.ignore_types.iter().any(|type_| type_ == kind));
    let mut found = Map::new();
    for file in dnf.rpm.verify(&args.names, &args.verify_options)? {
        if is_ignored(file.kind) {
            continue;
        }
        let mut facts = Map::from_iter(file.kind.map(|kind| ("type", Value::from(kind))));
        match file.mismatch {
            Some(all) => drop(facts.insert("mismatch", all.into_iter().map(Value::from).collect::<Value>())),
            None => drop(facts.insert("missing", true)),
        }
        found.insert(file.path, facts);
    }
    Ok(found.into())
}
