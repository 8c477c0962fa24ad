//! `fileserver.*`: what minions see of the state trees.

use std::sync::Arc;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::files::{FileError, FileSource};
use fleet_common::value::{Map, Value};

use super::context::{Context, Module, reads};

/// The module.
pub const MODULE: Module = Module {
    name: "fileserver",
    doc: "What minions see of the state trees.",
    functions: &[
        reads("envs", "All environments.", "fileserver.envs", Envs::ROWS, envs),
        reads(
            "file_list",
            "Files of an environment.",
            "fileserver.file_list saltenv=base",
            Listing::ROWS,
            |context, arguments| names(context, "fileserver.file_list", arguments, |files, env| files.list(env, "")),
        ),
        reads(
            "dir_list",
            "Directories of an environment.",
            "fileserver.dir_list",
            Listing::ROWS,
            |context, arguments| {
                names(context, "fileserver.dir_list", arguments, |files, env| files.directories(env, ""))
            },
        ),
        reads(
            "empty_dir_list",
            "Directories of an environment with nothing in them.",
            "fileserver.empty_dir_list",
            Listing::ROWS,
            |context, arguments| names(context, "fileserver.empty_dir_list", arguments, empty),
        ),
        reads(
            "symlink_list",
            "Links of an environment, and where they lead.",
            "fileserver.symlink_list",
            Listing::ROWS,
            symlinks,
        ),
    ],
};

args! {
    /// Arguments of `fileserver.envs`.
    pub struct Envs {
        /// Only this backend.
        backend: Option<String> = None,
        /// Group the environments by backend.
        sources: bool = false,
    }
}

args! {
    /// Arguments of the listings.
    pub struct Listing {
        /// The environment.
        saltenv: String = "base".to_owned(),
        /// Only this backend.
        backend: Option<String> = None,
    }
}

/// There is one backend, under either of its names.
fn only_roots(backend: Option<&str>) -> Result<(), CallError> {
    match backend {
        None | Some("roots" | "file_roots") => Ok(()),
        Some(other) => Err(CallError::Unsupported(format!("the fileserver backend '{other}'"))),
    }
}

fn failed(error: FileError) -> CallError {
    CallError::Failed(error.to_string())
}

fn envs(context: &Context, arguments: Arguments) -> CallResult {
    let wanted = Envs::bind("fileserver.envs", arguments)?;
    only_roots(wanted.backend.as_deref())?;
    let names: Value =
        context.api.files.source().environments().map_err(failed)?.into_iter().map(Value::from).collect();
    Ok(if wanted.sources { Map::from_iter([("roots", names)]).into() } else { names.into() })
}

type List = fn(&Arc<dyn FileSource>, &str) -> Result<Vec<String>, FileError>;

fn names(context: &Context, function: &str, arguments: Arguments, list: List) -> CallResult {
    let wanted = Listing::bind(function, arguments)?;
    only_roots(wanted.backend.as_deref())?;
    let names = list(&context.api.files.source(), &wanted.saltenv).map_err(failed)?;
    Ok(names.into_iter().map(Value::from).collect::<Value>().into())
}

fn empty(files: &Arc<dyn FileSource>, env: &str) -> Result<Vec<String>, FileError> {
    let (all, directories) = (files.list(env, "")?, files.directories(env, "")?);
    let holds = |directory: &str| {
        let prefix = format!("{directory}/");
        all.iter().chain(&directories).any(|path| path.starts_with(&prefix))
    };
    Ok(directories.iter().filter(|directory| *directory != "." && !holds(directory)).cloned().collect())
}

fn symlinks(context: &Context, arguments: Arguments) -> CallResult {
    let wanted = Listing::bind("fileserver.symlink_list", arguments)?;
    only_roots(wanted.backend.as_deref())?;
    let files = context.api.files.source();
    let mut links = Map::new();
    for path in files.list(&wanted.saltenv, "").map_err(failed)? {
        if let Some(link) = files.stat(&wanted.saltenv, &path).map_err(failed)?.and_then(|stat| stat.link) {
            links.insert(path, link);
        }
    }
    Ok(links.into())
}
