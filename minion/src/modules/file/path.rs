//! Paths as texts, and how functions take them.

use std::path::{Component, Path, PathBuf};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};

use crate::cx::{Look, Module};
use crate::system::fs::{FileFault, plain};
use crate::system::user::Accounts;

/// Functions on paths.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[
        Function::reads("basename", "The last part of a path.", "file.basename /etc/hosts", One::ROWS, basename)
            .quick(),
        Function::reads("dirname", "A path without its last part.", "file.dirname /etc/hosts", One::ROWS, dirname)
            .quick(),
        Function::reads(
            "normpath",
            "A path without '.', '..' and doubled slashes.",
            "file.normpath /etc/../tmp",
            One::ROWS,
            normpath,
        )
        .quick(),
        Function::reads(
            "join",
            "Parts joined to a path; an absolute part starts anew.",
            "file.join / usr local",
            Parts::ROWS,
            join,
        )
        .quick(),
        Function::reads(
            "pardir",
            "The name of the parent directory: two dots.",
            "file.pardir",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("file.pardir", arguments)?;
                Ok("..".into())
            },
        )
        .quick(),
    ],
};

args! {
    /// One path.
    pub struct One {
        /// The path.
        path: String,
    }
}

args! {
    /// Parts of a path.
    pub struct Parts {
        /// The parts.
        *args: Vec<String>,
    }
}

args! {
    /// No arguments.
    pub struct Nothing {}
}

/// A path as typed: `~` and `~user` become home directories.
pub(super) fn expand(look: &Look, typed: &str) -> PathBuf {
    let Some(rest) = typed.strip_prefix('~') else { return PathBuf::from(typed) };
    let (user, below) = rest.split_once('/').map_or((rest, None), |(user, below)| (user, Some(below)));
    let home = match user {
        "" => look.environment().get("HOME").map(PathBuf::from),
        user => Accounts::system().account(user).map(|account| account.home),
    };
    match (home, below) {
        (Some(home), Some(below)) => home.join(below),
        (Some(home), None) => home,
        (None, _) => PathBuf::from(typed),
    }
}

/// An absolute path as typed, or the refusal that names what it is for (`File path`, `Link path`).
pub(super) fn absolute(look: &Look, typed: &str, what: &str) -> Result<PathBuf, CallError> {
    let path = expand(look, typed);
    if path.is_absolute() { Ok(path) } else { Err(CallError::Invocation(format!("{what} must be absolute: {typed}"))) }
}

/// The same where the reference's refusal does not repeat the path.
pub(super) fn rooted(look: &Look, typed: &str, what: &str) -> Result<PathBuf, CallError> {
    let path = expand(look, typed);
    if path.is_absolute() { Ok(path) } else { Err(CallError::Invocation(format!("{what} must be absolute."))) }
}

/// A system error as the reference words it: with its number and the paths that it is about.
pub(super) fn worded(error: &std::io::Error, paths: &[&Path]) -> String {
    let about = paths.iter().map(|path| format!("'{}'", path.display())).collect::<Vec<_>>().join(" -> ");
    match error.raw_os_error() {
        Some(number) => format!("[Errno {number}] {}: {about}", plain(error)),
        None => format!("{}: {about}", plain(error)),
    }
}

/// A path without links, as far as it leads: what a broken link points to is as it says.
pub(super) fn real(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    // As many links as the system follows.
    for _ in 0..40 {
        if let Ok(real) = path.canonicalize() {
            return real;
        }
        let parent = path.parent().map(|parent| parent.canonicalize().unwrap_or_else(|_| parent.to_owned()));
        match (std::fs::read_link(&path), parent) {
            (Ok(target), Some(parent)) => path = parent.join(target),
            _ => break,
        }
    }
    path
}

/// The error of a system call on a path.
pub(super) fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> CallError + '_ {
    move |error| CallError::Failed(format!("{}: {}", path.display(), plain(&error)))
}

/// The error of a read or write.
pub(super) fn fault(fault: FileFault) -> CallError {
    CallError::Failed(fault.to_string())
}

fn basename(_: &Look, arguments: Arguments) -> CallResult {
    let path = One::bind("file.basename", arguments)?.path;
    Ok(path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name).into())
}

fn dirname(_: &Look, arguments: Arguments) -> CallResult {
    let path = One::bind("file.dirname", arguments)?.path;
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let root =
        if path.starts_with('/') && parent.trim_matches('/').is_empty() { "/" } else { parent.trim_end_matches('/') };
    Ok(root.into())
}

fn normpath(_: &Look, arguments: Arguments) -> CallResult {
    let path = One::bind("file.normpath", arguments)?.path;
    let mut out = PathBuf::new();
    for part in Path::new(&path).components() {
        match part {
            Component::ParentDir if out.file_name().is_some_and(|name| name != "..") => drop(out.pop()),
            Component::ParentDir if out.has_root() => {}
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    let text = out.to_string_lossy().into_owned();
    Ok(if text.is_empty() { ".".into() } else { text.into() })
}

fn join(_: &Look, arguments: Arguments) -> CallResult {
    let parts = Parts::bind("file.join", arguments)?.args;
    Ok(parts.iter().collect::<PathBuf>().to_string_lossy().into_owned().into())
}
