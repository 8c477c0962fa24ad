//! Making, moving, copying and removing files and directories.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use super::owner;
use super::path::{absolute, expand, failed, rooted, worded};
use crate::cx::{Act, Module};
use crate::system::fs::plain;

/// Functions that make and remove entries.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[
        Function::changes(
            "mkdir",
            "Makes a directory and those above it; true when it is there.",
            "file.mkdir /opt/app",
            Mkdir::ROWS,
            mkdir,
        ),
        Function::changes(
            "makedirs",
            "Makes the directories above a path (the path itself when it ends with '/').",
            "file.makedirs /opt/app/",
            Makedirs::ROWS,
            makedirs,
        ),
        Function::changes(
            "makedirs_perms",
            "Makes a directory and those above it, each missing one with owner and mode.",
            "file.makedirs_perms /opt/app mode=0750",
            MakedirsPerms::ROWS,
            makedirs_perms,
        ),
        Function::changes(
            "remove",
            "Removes a file, link or directory with all below it; false when there was none.",
            "file.remove /tmp/x",
            Remove::ROWS,
            remove,
        ),
        Function::changes(
            "rmdir",
            "Removes an empty directory, or with recurse all empty directories below it.",
            "file.rmdir /tmp/x",
            Rmdir::ROWS,
            rmdir,
        ),
        Function::changes("rename", "Renames a file or directory.", "file.rename /tmp/x /tmp/y", Pair::ROWS, rename),
        Function::changes(
            "move",
            "Moves a file or directory, to another file system too.",
            "file.move /tmp/x /srv/x",
            Move::ROWS,
            move_,
        ),
        Function::changes(
            "copy",
            "Copies a file, or with recurse a directory.",
            "file.copy /tmp/x /tmp/y",
            Copy::ROWS,
            copy,
        ),
    ],
};

args! {
    /// Arguments of `file.mkdir`.
    pub struct Mkdir {
        /// The directory.
        dir_path: String,
        /// Owner.
        user: Value = Value::Null,
        /// Group.
        group: Value = Value::Null,
        /// Mode in octal.
        mode: Value = Value::Null,
    }
}

args! {
    /// Arguments of `file.makedirs`.
    pub struct Makedirs {
        /// The path.
        path: String,
        /// Owner.
        user: Value = Value::Null,
        /// Group.
        group: Value = Value::Null,
        /// Mode in octal.
        mode: Value = Value::Null,
    }
}

args! {
    /// Arguments of `file.makedirs_perms`.
    pub struct MakedirsPerms {
        /// The directory.
        name: String,
        /// Owner.
        user: Value = Value::Null,
        /// Group.
        group: Value = Value::Null,
        /// Mode in octal.
        mode: Value = Value::from("0755"),
    }
}

args! {
    /// Arguments of `file.remove`.
    pub struct Remove {
        /// What is removed.
        path: String,
    }
}

args! {
    /// Arguments of `file.rmdir`.
    pub struct Rmdir {
        /// The directory.
        path: String,
        /// Also those below it.
        recurse: bool = false,
        /// Return what was removed and what failed.
        verbose: bool = false,
        /// Not supported: only those older than so many days.
        older_than: Option<f64> = None,
    }
}

args! {
    /// Where from, where to.
    pub struct Pair {
        /// Where from.
        src: String,
        /// Where to.
        dst: String,
    }
}

args! {
    /// Arguments of `file.move`.
    pub struct Move {
        /// Where from.
        src: String,
        /// Where to; a directory takes it in.
        dst: String,
        /// Refuse a move that would have to copy.
        disallow_copy_and_unlink: bool = false,
    }
}

args! {
    /// Arguments of `file.copy`.
    pub struct Copy {
        /// Where from.
        src: String,
        /// Where to; a directory takes it in.
        dst: String,
        /// Copy a directory with all below it.
        recurse: bool = false,
        /// Remove a directory that is there first.
        remove_existing: bool = false,
    }
}

struct Look {
    uid: Option<u32>,
    gid: Option<u32>,
    mode: Option<u32>,
}

fn wanted(user: &Value, group: &Value, mode: &Value) -> Result<Look, CallError> {
    let id = |given: &Value, find: fn(&Value) -> Option<u32>, what: &str| match given {
        Value::Null => Ok(None),
        given => find(given).map(Some).ok_or_else(|| CallError::Failed(format!("{what} does not exist"))),
    };
    let mode = match mode {
        Value::Null => None,
        mode => Some(
            owner::parse_mode(mode).ok_or_else(|| CallError::Invocation("a mode is written in octal".to_owned()))?,
        ),
    };
    Ok(Look { uid: id(user, owner::uid, "User")?, gid: id(group, owner::gid, "Group")?, mode })
}

/// Makes the missing directories down to `path`, each with its owner and mode.
fn make(path: &Path, look: &Look) -> Result<(), CallError> {
    let mut missing: Vec<&Path> =
        path.ancestors().take_while(|part| !part.as_os_str().is_empty() && !part.exists()).collect();
    missing.reverse();
    for directory in missing {
        let mut builder = std::fs::DirBuilder::new();
        if let Some(mode) = look.mode {
            builder.mode(mode);
        }
        match builder.create(directory) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            other => other.map_err(failed(directory))?,
        }
        owner::apply(directory, look.uid, look.gid, true).map_err(failed(directory))?;
        if let Some(mode) = look.mode {
            // The umask has taken bits away.
            std::fs::set_permissions(directory, std::fs::Permissions::from_mode(mode)).map_err(failed(directory))?;
        }
    }
    Ok(())
}

fn mkdir(act: &Act, arguments: Arguments) -> CallResult {
    let args = Mkdir::bind("file.mkdir", arguments)?;
    make(&expand(act, &args.dir_path), &wanted(&args.user, &args.group, &args.mode)?)?;
    Ok(true.into())
}

fn makedirs(act: &Act, arguments: Arguments) -> CallResult {
    let args = Makedirs::bind("file.makedirs", arguments)?;
    let path = expand(act, &args.path);
    let directory = if args.path.ends_with('/') { path.as_path() } else { path.parent().unwrap_or(&path) };
    let shown = directory.to_string_lossy();
    let shown = match shown.trim_end_matches('/') {
        "" => "/",
        shown => shown,
    };
    if directory.is_dir() {
        return Ok(format!("Directory '{shown}' already exists").into());
    }
    if directory.exists() {
        return Ok(format!("The path '{shown}' already exists and is not a directory").into());
    }
    make(directory, &wanted(&args.user, &args.group, &args.mode)?)?;
    Ok(Value::Null.into())
}

fn makedirs_perms(act: &Act, arguments: Arguments) -> CallResult {
    let args = MakedirsPerms::bind("file.makedirs_perms", arguments)?;
    make(&expand(act, &args.name), &wanted(&args.user, &args.group, &args.mode)?)?;
    Ok(Value::Null.into())
}

/// Removes whatever is at a path; a link is removed, not what it points to.
fn unlink(path: &Path) -> std::io::Result<()> {
    if std::fs::symlink_metadata(path)?.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }
}

fn remove(act: &Act, arguments: Arguments) -> CallResult {
    let args = Remove::bind("file.remove", arguments)?;
    let path = absolute(act, &args.path, "File path")?;
    match unlink(&path) {
        Ok(()) => Ok(true.into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false.into()),
        Err(error) => Err(CallError::Failed(format!("Could not remove '{}': {}", path.display(), plain(&error)))),
    }
}

fn rmdir(act: &Act, arguments: Arguments) -> CallResult {
    let args = Rmdir::bind("file.rmdir", arguments)?;
    let path = rooted(act, &args.path, "File path")?;
    if !path.is_dir() {
        return Err(CallError::Invocation("A valid directory was not specified.".to_owned()));
    }
    if args.older_than.is_some() {
        return Err(CallError::Unsupported("the argument 'older_than' of file.rmdir".to_owned()));
    }
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    if args.recurse {
        remove_empty(&path, &mut deleted, &mut errors, 0);
    } else {
        remove_one(&path, &mut deleted, &mut errors);
    }
    let clean = errors.is_empty();
    if args.verbose {
        let list =
            |items: Vec<PathBuf>| items.iter().map(|path| path.to_string_lossy().into_owned()).collect::<Value>();
        let errors = errors.into_iter().map(|(path, why)| Value::from(vec![path.to_string_lossy().into_owned(), why]));
        return Ok(Map::from_iter([
            ("deleted", list(deleted)),
            ("errors", errors.collect()),
            ("result", Value::from(clean)),
        ])
        .into());
    }
    Ok(clean.into())
}

fn remove_one(path: &Path, deleted: &mut Vec<PathBuf>, errors: &mut Vec<(PathBuf, String)>) {
    match std::fs::remove_dir(path) {
        Ok(()) => deleted.push(path.to_owned()),
        Err(error) => errors.push((path.to_owned(), plain(&error))),
    }
}

fn remove_empty(path: &Path, deleted: &mut Vec<PathBuf>, errors: &mut Vec<(PathBuf, String)>, depth: usize) {
    let below = std::fs::read_dir(path).into_iter().flatten().flatten();
    for entry in below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        if depth < 256 {
            remove_empty(&entry.path(), deleted, errors, depth + 1);
        }
    }
    remove_one(path, deleted, errors);
}

fn rename(act: &Act, arguments: Arguments) -> CallResult {
    let args = Pair::bind("file.rename", arguments)?;
    let (source, target) = (rooted(act, &args.src, "File path")?, expand(act, &args.dst));
    match std::fs::rename(&source, &target) {
        Ok(()) => Ok(true.into()),
        Err(_) => Err(CallError::Failed(format!("Could not rename '{}' to '{}'", source.display(), target.display()))),
    }
}

/// Where something lands: a directory takes it in under its own name.
fn landing(source: &Path, target: PathBuf) -> PathBuf {
    match source.file_name() {
        Some(name) if target.is_dir() => target.join(name),
        _ => target,
    }
}

fn move_(act: &Act, arguments: Arguments) -> CallResult {
    let args = Move::bind("file.move", arguments)?;
    let source = expand(act, &args.src);
    let target = expand(act, &args.dst);
    for (path, what) in [(&source, "Source"), (&target, "Destination")] {
        if !path.is_absolute() {
            return Err(CallError::Invocation(format!("{what} path must be absolute.")));
        }
    }
    let landed = landing(&source, target);
    let told = |result: bool, comment: String| {
        Map::from_iter([("result", Value::from(result)), ("comment", Value::from(comment))]).into()
    };
    let moved = match std::fs::rename(&source, &landed) {
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices && !args.disallow_copy_and_unlink => {
            copy_any(&source, &landed, 0).and_then(|()| unlink(&source))
        }
        other => other,
    };
    match moved {
        Ok(()) => Ok(told(true, format!("'{}' moved to '{}'", source.display(), landed.display()))),
        Err(error) => Err(CallError::Failed(format!(
            "Unable to move '{}' to '{}': {}",
            source.display(),
            landed.display(),
            worded(&error, &[&source])
        ))),
    }
}

fn copy(act: &Act, arguments: Arguments) -> CallResult {
    let args = Copy::bind("file.copy", arguments)?;
    let source = rooted(act, &args.src, "File path")?;
    let target = expand(act, &args.dst);
    if std::fs::symlink_metadata(&source).is_err() {
        return Err(CallError::Failed(format!("No such file or directory '{}'", source.display())));
    }
    if source.is_dir() && !args.recurse {
        return Err(CallError::Invocation(
            "Cannot copy overwriting a directory without recurse flag set to true!".to_owned(),
        ));
    }
    let landed = if source.is_dir() { target } else { landing(&source, target) };
    if args.remove_existing && source.is_dir() && landed.exists() {
        unlink(&landed).map_err(failed(&landed))?;
    }
    copy_any(&source, &landed, 0).map_err(|error| {
        let (source, landed) = (source.display(), landed.display());
        CallError::Failed(format!("Could not copy '{source}' to '{landed}': {}", plain(&error)))
    })?;
    Ok(true.into())
}

/// Copies a file, link or directory with owner and mode.
fn copy_any(source: &Path, target: &Path, depth: usize) -> std::io::Result<()> {
    let meta = std::fs::symlink_metadata(source)?;
    if meta.is_symlink() && depth > 0 {
        return std::os::unix::fs::symlink(std::fs::read_link(source)?, target);
    }
    let meta = if meta.is_symlink() { std::fs::metadata(source)? } else { meta };
    if meta.is_dir() {
        if depth > 256 {
            return Err(std::io::Error::other("the directories are nested too deep"));
        }
        std::fs::create_dir_all(target)?;
        for entry in std::fs::read_dir(source)? {
            let entry = entry?;
            copy_any(&entry.path(), &target.join(entry.file_name()), depth + 1)?;
        }
    } else {
        std::fs::copy(source, target)?;
    }
    owner::apply(target, Some(meta.uid()), Some(meta.gid()), true)?;
    std::fs::set_permissions(target, std::fs::Permissions::from_mode(meta.mode() & 0o7777))
}
