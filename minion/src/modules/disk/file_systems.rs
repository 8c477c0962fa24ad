//! `disk.*` that changes: file systems made, grown and wiped, settings of block devices.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function, Outcome};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::devices::dump;
use crate::cx::{Act, Module};
use crate::modules::tool;

/// The functions.
pub const MODULE: Module = Module {
    name: "disk",
    doc: super::DOC,
    functions: &[
        Function::changes(
            "format",
            "Makes a file system on a device; true if that went well.",
            "disk.format /dev/sdb1 ext4",
            Format::ROWS,
            format,
        ),
        Function::changes(
            "resize2fs",
            "Makes an ext file system as large as its device; true if that went well, else nothing.",
            "disk.resize2fs /dev/sdb1",
            One::ROWS,
            |_, arguments| {
                let device = device(One::bind("disk.resize2fs", arguments)?.device)?;
                let finished = tool::run(&["resize2fs", &device])?;
                let told = if finished.status == 0 { Value::Bool(true) } else { Value::Null };
                Ok(Outcome::with_status(told, finished.status))
            },
        ),
        Function::changes(
            "tune",
            "Sets how a block device is read (read-ahead, filesystem-read-ahead, in sectors; read-only, read-write); returns what was set.",
            "disk.tune /dev/sdb1 read-ahead=1024",
            Tune::ROWS,
            tune,
        ),
        Function::changes(
            "wipe",
            "Removes the marks of file systems from a device; true if that went well.",
            "disk.wipe /dev/sdb1",
            One::ROWS,
            |_, arguments| {
                let device = device(One::bind("disk.wipe", arguments)?.device)?;
                let finished = tool::run(&["wipefs", "-a", &device])?;
                Ok(Outcome::with_status(finished.status == 0, finished.status))
            },
        ),
    ],
};

args! {
    /// Arguments of `disk.format`.
    pub struct Format {
        /// The device.
        device: String,
        /// Kind of the file system.
        fs_type: String = "ext4".to_owned(),
        /// Size of inodes (ext and xfs).
        inode_size: Option<i64> = None,
        /// Leave the inode table to the first mount (ext4).
        lazy_itable_init: Option<i64> = None,
        /// 12, 16 or 32 (FAT).
        fat: Option<i64> = None,
        /// Also where mkfs finds that strange: on a whole disk, on a device in use.
        force: bool = false,
    }
}

args! {
    /// A device.
    pub struct One {
        /// Its path.
        device: String,
    }
}

args! {
    /// Arguments of `disk.tune`.
    pub struct Tune {
        /// The device.
        device: String,
        /// The settings.
        **kwargs: Map,
    }
}

/// A device by its path: no program takes that for an option.
fn device(path: String) -> Result<String, CallError> {
    if path.starts_with('/') {
        return Ok(path);
    }
    Err(CallError::Invocation(format!("a device is an absolute path, not {path:?}")))
}

fn format(_: &Act, arguments: Arguments) -> CallResult {
    let args = Format::bind("disk.format", arguments)?;
    let device = device(args.device)?;
    let kind = args.fs_type.as_str();
    if kind.is_empty() || !kind.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter)) {
        return Err(CallError::Invocation(format!("'fs_type' of disk.format: {kind:?} is no kind of file system")));
    }
    let (is_ext, is_xfs) = (kind.starts_with("ext"), kind == "xfs");
    let mut words = vec!["mkfs".to_owned(), "-t".to_owned(), kind.to_owned()];
    if let Some(size) = args.inode_size {
        match (is_ext, is_xfs) {
            (true, _) => words.extend(["-I".to_owned(), size.to_string()]),
            (_, true) => words.extend(["-i".to_owned(), format!("size={size}")]),
            _ => {}
        }
    }
    if let Some(lazy) = args.lazy_itable_init.filter(|_| is_ext) {
        words.extend(["-E".to_owned(), format!("lazy_itable_init={lazy}")]);
    }
    if let Some(fat) = args.fat.filter(|_| kind.contains("fat")) {
        words.extend(["-F".to_owned(), fat.to_string()]);
    }
    if args.force && (is_ext || is_xfs) {
        words.push(if is_ext { "-F" } else { "-f" }.to_owned());
    }
    words.push(device);
    let finished = tool::run(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok((finished.status == 0).into())
}

/// Settings, how `blockdev` calls them, what reads them, and whether they have a value.
const SETTINGS: [(&str, &str, &str, bool); 4] = [
    ("read-ahead", "--setra", "getra", true),
    ("filesystem-read-ahead", "--setfra", "getfra", true),
    ("read-only", "--setro", "getro", false),
    ("read-write", "--setrw", "getro", false),
];

fn tune(act: &Act, arguments: Arguments) -> CallResult {
    let args = Tune::bind("disk.tune", arguments)?;
    let device = device(args.device)?;
    let mut words = vec!["blockdev".to_owned()];
    let mut asked = Vec::new();
    for (name, value) in &args.kwargs {
        let name = str_(name);
        let Some((_, option, read, has_value)) = SETTINGS.iter().find(|(known, ..)| *known == name) else {
            return Err(CallError::Invocation(format!("Invalid keyword arguments: {name}={}", str_(value))));
        };
        words.push((*option).to_owned());
        match value {
            _ if !has_value => {}
            Value::Int(sectors) if *sectors >= 0 => words.push(sectors.to_string()),
            other => {
                let why = format!("'{name}' of disk.tune is a number of sectors, not {}", str_(other));
                return Err(CallError::Invocation(why));
            }
        }
        asked.push(Value::from(*read));
    }
    if !asked.is_empty() {
        words.push(device.clone());
        tool::output(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    let mut arguments = Arguments::positional([device]);
    arguments.keyword.insert("args", asked);
    dump(act, arguments)
}
