//! Symbolic links, hard links and special files.

use std::os::unix::fs::symlink as make_link;
use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use super::owner;
use super::path::{absolute, expand, failed, real, rooted, worded};
use crate::cx::{Act, Look, Module};

/// Functions on links and special files.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "readlink",
            "What a symbolic link points to.",
            "file.readlink /etc/localtime",
            Readlink::ROWS,
            readlink,
        )
        .quick(),
        Function::changes(
            "symlink",
            "Makes a symbolic link at path to src.",
            "file.symlink /etc/hosts /tmp/hosts",
            Symlink::ROWS,
            symlink,
        ),
        Function::changes(
            "link",
            "Gives the file src a second name.",
            "file.link /etc/hosts /tmp/hosts",
            Link::ROWS,
            link,
        ),
        Function::changes(
            "mknod",
            "Makes a named pipe (p), character device (c) or block device (b).",
            "file.mknod /dev/loop9 b 7 9",
            Mknod::ROWS,
            mknod,
        ),
        Function::changes(
            "mknod_fifo",
            "Makes a named pipe.",
            "file.mknod_fifo /run/pipe",
            Fifo::ROWS,
            |act, arguments| {
                let args = Fifo::bind("file.mknod_fifo", arguments)?;
                make_node(act, &args.name, 'p', (0, 0), &args.user, &args.group, &args.mode)
            },
        ),
        Function::changes(
            "mknod_chrdev",
            "Makes a character device.",
            "file.mknod_chrdev /dev/null2 1 3",
            Device::ROWS,
            |act, arguments| {
                let args = Device::bind("file.mknod_chrdev", arguments)?;
                make_node(act, &args.name, 'c', (args.major, args.minor), &args.user, &args.group, &args.mode)
            },
        ),
        Function::changes(
            "mknod_blkdev",
            "Makes a block device.",
            "file.mknod_blkdev /dev/loop9 7 9",
            Device::ROWS,
            |act, arguments| {
                let args = Device::bind("file.mknod_blkdev", arguments)?;
                make_node(act, &args.name, 'b', (args.major, args.minor), &args.user, &args.group, &args.mode)
            },
        ),
    ],
};

args! {
    /// Arguments of `file.readlink`.
    pub struct Readlink {
        /// The link.
        path: String,
        /// Return the absolute path of what it finally points to.
        canonicalize: bool = false,
    }
}

args! {
    /// Arguments of `file.symlink`.
    pub struct Symlink {
        /// What the link points to.
        src: String,
        /// Where the link is.
        path: String,
        /// Replace a link (or file) that is there.
        force: bool = false,
        /// Replace it in one step.
        atomic: bool = false,
        /// When path is a link to a directory, look at that.
        follow_symlinks: bool = true,
    }
}

args! {
    /// Arguments of `file.link`.
    pub struct Link {
        /// The file.
        src: String,
        /// Its new name.
        path: String,
    }
}

args! {
    /// Arguments of `file.mknod`.
    pub struct Mknod {
        /// Where it is made.
        name: String,
        /// `p`, `c` or `b`.
        ntype: String,
        /// Major number.
        major: i64 = 0,
        /// Minor number.
        minor: i64 = 0,
        /// Owner.
        user: Value = Value::Null,
        /// Group.
        group: Value = Value::Null,
        /// Mode in octal.
        mode: Value = Value::from("0600"),
    }
}

args! {
    /// Arguments of `file.mknod_fifo`.
    pub struct Fifo {
        /// Where it is made.
        name: String,
        /// Owner.
        user: Value = Value::Null,
        /// Group.
        group: Value = Value::Null,
        /// Mode in octal.
        mode: Value = Value::from("0660"),
    }
}

args! {
    /// Arguments of `file.mknod_chrdev` and `file.mknod_blkdev`.
    pub struct Device {
        /// Where it is made.
        name: String,
        /// Major number.
        major: i64,
        /// Minor number.
        minor: i64,
        /// Owner.
        user: Value = Value::Null,
        /// Group.
        group: Value = Value::Null,
        /// Mode in octal.
        mode: Value = Value::from("0660"),
    }
}

fn readlink(look: &Look, arguments: Arguments) -> CallResult {
    let args = Readlink::bind("file.readlink", arguments)?;
    let path = absolute(look, &args.path, "Path to link")?;
    if !path.is_symlink() {
        return Err(CallError::Invocation(format!("A valid link was not specified: {}", path.display())));
    }
    let target = if args.canonicalize { real(&path) } else { std::fs::read_link(&path).map_err(failed(&path))? };
    Ok(target.to_string_lossy().into_owned().into())
}

fn symlink(act: &Act, arguments: Arguments) -> CallResult {
    let args = Symlink::bind("file.symlink", arguments)?;
    let path = absolute(act, &args.path, "Link path")?;
    let source = expand(act, &args.src);
    if let Ok(meta) = std::fs::symlink_metadata(&path) {
        if meta.is_symlink() && std::fs::read_link(&path).is_ok_and(|target| target == source) {
            return Ok(true.into());
        }
        if !args.force && !args.atomic {
            let what = if meta.is_symlink() { "Found existing symlink" } else { "Existing path is not a symlink" };
            return Err(CallError::Failed(format!("{what}: {}", path.display())));
        }
        if meta.is_dir() {
            return Err(CallError::Failed(format!("Existing path is not a symlink: {}", path.display())));
        }
    }
    // Made beside and moved over, so that the name is never missing.
    let beside = beside(&path);
    let refused = |_| CallError::Failed(format!("Could not create '{}'", path.display()));
    make_link(&source, &beside).map_err(refused)?;
    if let Err(error) = std::fs::rename(&beside, &path) {
        let _gone = std::fs::remove_file(&beside);
        return Err(refused(error));
    }
    Ok(true.into())
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.fleet-new", std::process::id()))
}

fn link(act: &Act, arguments: Arguments) -> CallResult {
    let args = Link::bind("file.link", arguments)?;
    let source = rooted(act, &args.src, "File path")?;
    let path = expand(act, &args.path);
    match std::fs::hard_link(&source, &path) {
        Ok(()) => Ok(true.into()),
        Err(error) => Err(CallError::Failed(format!(
            "Could not create '{}': {}",
            path.display(),
            worded(&error, &[&source, &path])
        ))),
    }
}

fn mknod(act: &Act, arguments: Arguments) -> CallResult {
    let args = Mknod::bind("file.mknod", arguments)?;
    let kind = match args.ntype.as_str() {
        "p" => 'p',
        "c" => 'c',
        "b" => 'b',
        other => {
            return Err(CallError::Invocation(format!(
                "Node type unavailable: '{other}'. Available node types are character ('c'), block ('b'), and pipe ('p')."
            )));
        }
    };
    make_node(act, &args.name, kind, (args.major, args.minor), &args.user, &args.group, &args.mode)
}

fn make_node(
    act: &Act,
    name: &str,
    kind: char,
    numbers: (i64, i64),
    user: &Value,
    group: &Value,
    mode: &Value,
) -> CallResult {
    let path = expand(act, name);
    let (file_type, shown) = match kind {
        'c' => (FileType::CharacterDevice, "Character device"),
        'b' => (FileType::BlockDevice, "Block device"),
        _ => (FileType::Fifo, "Fifo pipe"),
    };
    if std::fs::symlink_metadata(&path).is_ok() {
        return Ok(answer(name, Map::new(), format!("File {name} exists and cannot be overwritten"), false));
    }
    let mode = owner::parse_mode(mode).ok_or_else(|| CallError::Invocation("a mode is written in octal".to_owned()))?;
    let number = |number: i64| {
        u32::try_from(number).map_err(|_| CallError::Invocation("a device number is not negative".to_owned()))
    };
    let device = makedev(number(numbers.0)?, number(numbers.1)?);
    let id = |given: &Value, find: fn(&Value) -> Option<u32>, what: &str| match given {
        Value::Null => Ok(None),
        given => find(given).map(Some).ok_or_else(|| CallError::Failed(format!("{what} does not exist"))),
    };
    let (user, group) = (id(user, owner::uid, "User")?, id(group, owner::gid, "Group")?);
    mknodat(CWD, &path, file_type, Mode::from_raw_mode(mode), device).map_err(|error| failed(&path)(error.into()))?;
    owner::apply(&path, user, group, true).map_err(failed(&path))?;
    rustix::fs::chmod(&path, Mode::from_raw_mode(mode)).map_err(|error| failed(&path)(error.into()))?;
    let changes = Map::from_iter([("new", format!("{shown} {name} created."))]);
    Ok(answer(name, changes, String::new(), true))
}

/// An answer in the form of a state's.
fn answer(name: &str, changes: Map, comment: String, result: bool) -> fleet_common::call::Outcome {
    Map::from_iter([
        ("name", Value::from(name)),
        ("changes", Value::Map(changes)),
        ("comment", Value::from(comment)),
        ("result", Value::from(result)),
    ])
    .into()
}
