//! What the states of `pkg` share: fetching indexes once a run, and predictions as changes.

use std::collections::BTreeMap;

use fleet_common::value::Map;

use crate::cx::Act;
use crate::modules::pkg::{change, packages, refresh};
use crate::states::{Failure, Run};
use crate::system::packages::{InstallOptions, PackageError, Packages, Step};

/// What the run remembers when the indexes were fetched.
const FETCHED: &str = "pkg.refresh_db";

/// Fetches the package indexes, at most once a run. Sources that do not answer are no failure yet: what is to be
/// installed may be known.
pub(super) fn refresh_once(act: &Act, run: &Run<'_>, function: &str, valid: i64) -> Result<(), Failure> {
    if !run.notes().done.insert(FETCHED) {
        return Ok(());
    }
    let manager = packages(act, function)?;
    match refresh(&*manager, valid) {
        Err(error) if error.to_string().starts_with("apt is locked") => Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, "the package indexes could not be fetched");
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// What a step would change, or what is guessed when apt does not know a package yet (its source may come with the
/// same run): each of `guess` by name and version.
pub(super) fn predicted(
    manager: &dyn Packages,
    step: &Step,
    options: &InstallOptions,
    guess: impl Iterator<Item = (String, String)>,
) -> Result<(Map, Option<String>), PackageError> {
    match manager.simulate(step, options) {
        Ok(changes) => {
            let mut map = Map::new();
            for (package, (old, new)) in &changes {
                map.insert(package.as_str(), change(old, new));
            }
            Ok((map, None))
        }
        Err(error) if error.is_unknown_package() => {
            let installed: BTreeMap<String, String> = manager.installed()?;
            let mut map = Map::new();
            for (name, version) in guess {
                let old = installed.get(&name).map_or("", String::as_str);
                let new = if version.is_empty() { "installed" } else { version.as_str() };
                map.insert(name.as_str(), change(old, new));
            }
            Ok((map, Some(error.to_string())))
        }
        Err(error) => Err(error),
    }
}

/// Up to this many names are listed; of more only the number is told.
const LISTED: usize = 5;

/// `The following packages were …: a, b` or `7 targeted packages were …`.
pub(super) fn listed(names: &[String], done: &str) -> String {
    if names.len() > LISTED {
        format!("{} targeted packages were {done}.", names.len())
    } else {
        format!("The following packages were {done}: {}", names.join(", "))
    }
}

/// Whether so many names are listed.
pub(super) fn is_listed(count: usize) -> bool {
    count <= LISTED
}
