//! What is in the tree and in the cache.

use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::files::FileError;
use fleet_common::value::Value;

use super::fetch::{cached, saltenv};
use crate::cx::Look;

/// How deep the cache is searched.
const DEPTH: usize = 64;

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// An environment and how its paths begin.
    pub struct Environment {
        /// The environment.
        saltenv: Option<String> = None,
        /// Only paths that begin so.
        prefix: String = String::new(),
    }
}

args! {
    /// An environment.
    pub struct States {
        /// The environment.
        saltenv: Option<String> = None,
    }
}

/// The error of the tree.
pub(super) fn fault(error: FileError) -> CallError {
    CallError::Failed(error.to_string())
}

pub(super) fn envs(look: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("cp.envs", arguments)?;
    Ok(look.file_source().environments().map_err(fault)?.into())
}

pub(super) fn list_master(look: &Look, arguments: Arguments) -> CallResult {
    let args = Environment::bind("cp.list_master", arguments)?;
    Ok(look.file_source().list(&saltenv(look, args.saltenv), &args.prefix).map_err(fault)?.into())
}

pub(super) fn list_master_dirs(look: &Look, arguments: Arguments) -> CallResult {
    let args = Environment::bind("cp.list_master_dirs", arguments)?;
    Ok(look.file_source().directories(&saltenv(look, args.saltenv), &args.prefix).map_err(fault)?.into())
}

pub(super) fn list_states(look: &Look, arguments: Arguments) -> CallResult {
    let args = States::bind("cp.list_states", arguments)?;
    let files = look.file_source().list(&saltenv(look, args.saltenv), "").map_err(fault)?;
    let mut names: Vec<String> = files.iter().filter_map(|path| state_name(path)).collect();
    names.sort();
    Ok(names.into_iter().collect::<Value>().into())
}

/// `web/init.sls` is `web`, `web/site.sls` is `web.site`.
fn state_name(path: &str) -> Option<String> {
    let name = path.strip_suffix(".sls")?;
    Some(name.strip_suffix("/init").unwrap_or(name).replace('/', "."))
}

pub(super) fn list_minion(look: &Look, arguments: Arguments) -> CallResult {
    let args = States::bind("cp.list_minion", arguments)?;
    let mut files = Vec::new();
    if let Some(folder) = cached(look, &saltenv(look, args.saltenv)) {
        walk(&folder, DEPTH, &mut files);
    }
    walk(&look.cache_dir().join("localfiles"), DEPTH, &mut files);
    files.sort();
    Ok(files.into_iter().map(|path| path.to_string_lossy().into_owned()).collect::<Value>().into())
}

/// Files below a directory, links not followed; a directory that cannot be read has none.
fn walk(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => walk(&entry.path(), depth - 1, found),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_named_by_their_paths() {
        assert_eq!(state_name("web/init.sls").as_deref(), Some("web"));
        assert_eq!(state_name("web/site.sls").as_deref(), Some("web.site"));
        assert_eq!(state_name("web/site.conf"), None);
    }
}
