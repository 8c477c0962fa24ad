//! What the functions ask of pip and how they tell its answers.

use std::collections::{BTreeMap, BTreeSet};

use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value, python::str_};

use super::{List, Uninstall, Versions, Which};
use crate::cx::Look;
use crate::system::command::Finished;
use crate::system::pip::{Pip, PipError};

/// The pip that is meant by these arguments.
pub fn pip(
    bin_env: Option<&str>,
    user: Option<&str>,
    cwd: Option<&str>,
    variables: Option<&Map>,
) -> Result<Pip, CallError> {
    let pairs = variables.into_iter().flatten().map(|(name, value)| (str_(name), str_(value)));
    let pip = Pip::new(bin_env).and_then(|pip| pip.cwd(cwd).variables(pairs).user(user));
    pip.map_err(failed)
}

/// A fault of pip as the fault of a call.
pub fn failed(error: PipError) -> CallError {
    CallError::Failed(error.to_string())
}

/// How a command ended, as `cmd.run_all` tells it.
pub fn ended(finished: &Finished) -> Map {
    Map::from_iter([
        ("pid", Value::from(i64::from(finished.pid))),
        ("retcode", Value::from(i64::from(finished.status))),
        ("stdout", Value::from(finished.out())),
        ("stderr", Value::from(finished.err())),
    ])
}

/// `pip.list`: names and versions.
pub fn list(_look: &Look, function: &str, arguments: Arguments) -> CallResult {
    let args = List::bind(function, arguments)?;
    let pip = pip(args.bin_env.as_deref(), args.user.as_deref(), args.cwd.as_deref(), args.env_vars.as_ref())?;
    let start = args.prefix.unwrap_or_default().to_lowercase();
    let fits =
        pip.list().map_err(failed)?.into_iter().filter(|package| package.name.to_lowercase().starts_with(&start));
    Ok(fits.map(|package| (package.name, package.version)).collect::<Map>().into())
}

/// What is installed, as requirements, pip and its tools included.
pub fn frozen(pip: &Pip) -> Result<Vec<String>, CallError> {
    let text = pip.ask(&["freeze", "--all"]).map_err(failed)?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Removes packages.
pub fn uninstall(args: &Uninstall) -> Result<Finished, CallError> {
    let mut words = vec!["uninstall".to_owned(), "-y".to_owned()];
    for (flag, value) in [("--requirement", &args.requirements), ("--log", &args.log), ("--proxy", &args.proxy)] {
        words.extend(value.iter().flat_map(|value| [flag.to_owned(), value.clone()]));
    }
    words.extend(args.timeout.iter().flat_map(|seconds| ["--timeout".to_owned(), seconds.to_string()]));
    words.extend(args.name.iter().chain(&args.pkgs).map(|name| name.trim().to_owned()));
    let pip = pip(args.bin_env.as_deref(), args.user.as_deref(), args.cwd.as_deref(), None)?;
    pip.run(&words).map_err(failed)
}

/// The versions of a package that an index has, oldest first.
pub fn all_versions(args: &Versions) -> Result<Vec<String>, CallError> {
    let mut words = vec!["index", "versions", args.pkg.as_str()];
    if args.include_alpha || args.include_beta || args.include_rc {
        words.push("--pre");
    }
    for (flag, value) in [("--index-url", &args.index_url), ("--extra-index-url", &args.extra_index_url)] {
        words.extend(value.iter().flat_map(|value| [flag, value.as_str()]));
    }
    let pip = pip(args.bin_env.as_deref(), args.user.as_deref(), args.cwd.as_deref(), None)?;
    let text = pip.run(&words).map_err(failed)?.out();
    let left_out = [(args.include_alpha, "a"), (args.include_beta, "b"), (args.include_rc, "rc")];
    let wanted = |version: &str| left_out.iter().all(|(taken, mark)| *taken || !version.contains(mark));
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Available versions: "));
    // The index names the newest first.
    let mut versions: Vec<String> = line.unwrap_or_default().split(", ").map(str::to_owned).collect();
    versions.retain(|version| !version.is_empty() && wanted(version));
    versions.reverse();
    Ok(versions)
}

/// Brings all packages to their newest versions: `changes`, `result` and `comment`.
pub fn upgrade(args: &Which) -> Result<Map, CallError> {
    let pip = args.pip()?;
    let versions = || -> Result<BTreeMap<String, String>, CallError> { Ok(installed(&pip)?.into_iter().collect()) };
    let (old, mut comment, mut result) = (versions()?, String::new(), true);
    for (name, _) in pip.upgrades().map_err(failed)? {
        let finished = pip.run(&["install", "-U", &name]).map_err(failed)?;
        result &= finished.status == 0;
        comment.push_str(&finished.err());
    }
    let (new, mut changes) = (versions()?, Map::new());
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names.into_iter().filter(|name| old.get(*name) != new.get(*name)) {
        let text = |versions: &BTreeMap<String, String>| versions.get(name).cloned().unwrap_or_default();
        changes.insert(name.as_str(), Map::from_iter([("old", text(&old)), ("new", text(&new))]));
    }
    Ok(Map::from_iter([("changes", Value::from(changes)), ("result", result.into()), ("comment", comment.into())]))
}

/// Names and versions of what is installed.
pub fn installed(pip: &Pip) -> Result<Vec<(String, String)>, CallError> {
    let installed = pip.list().map_err(failed)?;
    Ok(installed.into_iter().map(|package| (package.name, package.version)).collect())
}
