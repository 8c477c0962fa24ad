//! `mount.*`: what is mounted, the table of what is mounted at start, and swap space.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look, Module};
use crate::system::command::{CommandError, which};
use crate::system::fs::FileFault;
use crate::system::mount::{self as system, Entry, Mounted};

/// The module.
pub const MODULE: Module = Module {
    name: "mount",
    doc: super::DOC,
    functions: &[
        Function::reads("active", "What is mounted, by place.", "mount.active extended=True", Active::ROWS, active),
        Function::reads("fstab", "The entries of the table, by place.", "mount.fstab", Table::ROWS, fstab),
        Function::reads(
            "is_mounted",
            "True if something is mounted on a path.",
            "mount.is_mounted /mnt",
            Name::ROWS,
            |_, arguments| {
                let name = Name::bind("mount.is_mounted", arguments)?.name;
                Ok(system::mounted(&name).map_err(failed)?.is_some().into())
            },
        ),
        Function::reads(
            "is_fuse_exec",
            "True if a program is built upon FUSE.",
            "mount.is_fuse_exec sshfs",
            Program::ROWS,
            is_fuse_exec,
        ),
        Function::reads("swaps", "Swap spaces in use, by device.", "mount.swaps", Nothing::ROWS, |_, arguments| {
            Nothing::bind("mount.swaps", arguments)?;
            Ok(swaps()?.into())
        }),
        Function::reads(
            "get_mount_from_path",
            "Where the file system of a path is mounted.",
            "mount.get_mount_from_path /srv/data",
            At::ROWS,
            |_, arguments| {
                let path = At::bind("mount.get_mount_from_path", arguments)?.path;
                Ok(around(&path)?.map_or(Value::Null, |mount| mount.point.into()).into())
            },
        ),
        Function::reads(
            "get_device_from_path",
            "The device of the file system of a path.",
            "mount.get_device_from_path /srv/data",
            At::ROWS,
            |_, arguments| {
                let path = At::bind("mount.get_device_from_path", arguments)?.path;
                Ok(around(&path)?.map_or(Value::Null, |mount| mount.device.into()).into())
            },
        ),
        Function::changes(
            "set_fstab",
            "Sets an entry of the table: `new`, `change` or `present`.",
            "mount.set_fstab /mnt /dev/sdz1 ext4",
            SetFstab::ROWS,
            set_fstab,
        ),
        Function::changes(
            "rm_fstab",
            "Removes an entry of the table.",
            "mount.rm_fstab /mnt /dev/sdz1",
            RmFstab::ROWS,
            rm_fstab,
        ),
        Function::changes(
            "mount",
            "Mounts; true, or what was said when it failed.",
            "mount.mount /mnt /dev/sdz1 True",
            Mount::ROWS,
            |_, arguments| {
                let args = Mount::bind("mount.mount", arguments)?;
                Ok(told(mount(&args, false)?).into())
            },
        ),
        Function::changes(
            "remount",
            "Mounts again with other options, or mounts what is not mounted.",
            "mount.remount /mnt /dev/sdz1 True",
            Mount::ROWS,
            |_, arguments| {
                let args = Mount::bind("mount.remount", arguments)?;
                let is_mounted = system::mounted(&args.name).map_err(failed)?.is_some();
                Ok(told(mount(&args, is_mounted)?).into())
            },
        ),
        Function::changes(
            "umount",
            "Unmounts; true, or what was said when it failed.",
            "mount.umount /mnt",
            Umount::ROWS,
            umount,
        ),
        Function::changes("swapon", "Uses a swap space.", "mount.swapon /swapfile", SwapOn::ROWS, swapon),
        Function::changes(
            "swapoff",
            "Uses a swap space no more; nothing when it was not used.",
            "mount.swapoff /swapfile",
            Name::ROWS,
            swapoff,
        ),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// A place or a device.
    pub struct Name {
        /// The place or the device.
        name: String,
    }
}

args! {
    /// A path.
    pub struct At {
        /// The path.
        path: String,
    }
}

args! {
    /// A program.
    pub struct Program {
        /// The program.
        cmd: String,
    }
}

args! {
    /// Arguments of `mount.active`.
    pub struct Active {
        /// All that the kernel says.
        extended: bool = false,
    }
}

args! {
    /// Arguments of `mount.fstab`.
    pub struct Table {
        /// The table.
        config: String = "/etc/fstab".to_owned(),
    }
}

args! {
    /// Arguments of `mount.set_fstab`.
    pub struct SetFstab {
        /// Where.
        name: String,
        /// What.
        device: String,
        /// Kind of file system.
        fstype: String,
        /// Options, a list or separated by commas.
        opts: Vec<String> = vec!["defaults".to_owned()],
        /// For `dump`.
        dump: String = "0".to_owned(),
        /// When it is checked at start: 0 never, 1 first, 2 then.
        pass_num: String = "0".to_owned(),
        /// The table.
        config: String = "/etc/fstab".to_owned(),
        /// Change nothing.
        test: bool = false,
        /// Which fields name the entry that is replaced: `auto`, or of name, device, fstype, opts.
        match_on: Vec<String> = vec!["auto".to_owned()],
        /// Leave an entry that is there as it is.
        not_change: bool = false,
    }
}

args! {
    /// Arguments of `mount.rm_fstab`.
    pub struct RmFstab {
        /// Where.
        name: String,
        /// What; any when not given.
        device: Option<String> = None,
        /// The table.
        config: String = "/etc/fstab".to_owned(),
    }
}

args! {
    /// Arguments of `mount.mount` and `mount.remount`.
    pub struct Mount {
        /// Where.
        name: String,
        /// What.
        device: Option<String> = None,
        /// Make the directory.
        mkmnt: bool = false,
        /// Kind of file system.
        fstype: String = String::new(),
        /// Options, a list or separated by commas.
        opts: Vec<String> = vec!["defaults".to_owned()],
        /// User to run as.
        user: Option<String> = None,
        /// Only `mount` is known.
        util: String = "mount".to_owned(),
    }
}

args! {
    /// Arguments of `mount.umount`.
    pub struct Umount {
        /// Where.
        name: String,
        /// Only if this is what is mounted there.
        device: Option<String> = None,
        /// User to run as.
        user: Option<String> = None,
        /// Only `mount` is known.
        util: String = "mount".to_owned(),
        /// Out of sight now, gone when nobody uses it any more.
        lazy: bool = false,
    }
}

args! {
    /// Arguments of `mount.swapon`.
    pub struct SwapOn {
        /// The device or file.
        name: String,
        /// Its priority.
        priority: Option<i64> = None,
    }
}

/// A fault of a file or a command as a failure of a function.
pub fn failed(fault: FileFault) -> CallError {
    CallError::Failed(fault.to_string())
}

fn not_run(error: CommandError) -> CallError {
    CallError::Failed(error.to_string())
}

fn told(why: Option<String>) -> Value {
    why.map_or(Value::Bool(true), Value::from)
}

fn list(items: &[String]) -> Value {
    items.iter().map(Value::from).collect::<Vec<_>>().into()
}

fn active(_look: &Look, arguments: Arguments) -> CallResult {
    let extended = Active::bind("mount.active", arguments)?.extended;
    let row = |mount: Mounted| {
        let mut row = Map::new();
        if extended {
            let numbers = [("mountid", mount.id.0), ("parentid", mount.id.1), ("major", mount.number.0)];
            let more = [("minor", mount.number.1), ("root", mount.root)];
            row.extend(numbers.into_iter().chain(more).map(|(key, text)| (Value::from(key), Value::from(text))));
        }
        row.insert("device", mount.device.as_str());
        row.insert("alt_device", mount.device.as_str());
        row.insert("fstype", mount.fstype);
        row.insert("opts", list(&mount.opts));
        if extended {
            row.insert("superopts", list(&mount.super_opts));
            for (key, folder) in [("device_uuid", "by-uuid"), ("device_label", "by-label")] {
                row.insert(key, name_of(&mount.device, folder).map_or(Value::Null, Value::from));
            }
        }
        (Value::from(mount.point), Value::from(row))
    };
    Ok(system::mounts().map_err(failed)?.into_iter().map(row).collect::<Map>().into())
}

/// The name below `/dev/disk` that links to a device.
fn name_of(device: &str, folder: &str) -> Option<String> {
    let entries = std::fs::read_dir(Path::new("/dev/disk").join(folder)).ok()?;
    let linked = entries
        .flatten()
        .find(|entry| std::fs::canonicalize(entry.path()).is_ok_and(|path| path.as_os_str() == device));
    linked.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

fn fstab(_look: &Look, arguments: Arguments) -> CallResult {
    let config = Table::bind("mount.fstab", arguments)?.config;
    let mut found = Map::new();
    for entry in system::table(Path::new(&config)).map_err(failed)? {
        let opts: Vec<String> = entry.opts.split(',').map(str::to_owned).collect();
        let mut row = Map::from_iter([("device", Value::from(entry.device.as_str())), ("fstype", entry.fstype.into())]);
        row.insert("opts", list(&opts));
        row.insert("dump", entry.dump);
        row.insert("pass", entry.pass);
        // All swap spaces stand at `none`.
        let key = if entry.point == "none" { entry.device } else { entry.point };
        found.insert(key, row);
    }
    Ok(found.into())
}

fn is_fuse_exec(_look: &Look, arguments: Arguments) -> CallResult {
    let cmd = Program::bind("mount.is_fuse_exec", arguments)?.cmd;
    let Some(path) = which(&cmd, std::env::var_os("PATH").as_deref()) else { return Ok(false.into()) };
    let said = crate::system::command::Command::argv([Path::new("ldd"), &path]).c_locale().run().map_err(not_run)?;
    Ok(said.out().contains("libfuse").into())
}

/// Swap spaces in use.
pub fn swaps() -> Result<Map, CallError> {
    let row = |(name, [kind, size, used, priority]): (String, [String; 4])| {
        let row = [("type", kind), ("size", size), ("used", used), ("priority", priority)];
        (Value::from(name), Value::from(row.into_iter().collect::<Map>()))
    };
    Ok(system::swaps().map_err(failed)?.into_iter().map(row).collect())
}

/// The mount that a path lies on.
fn around(path: &str) -> Result<Option<Mounted>, CallError> {
    let real = std::fs::canonicalize(path).map_err(|error| CallError::Failed(format!("{path}: {error}")))?;
    let mounts = system::mounts().map_err(failed)?;
    // Of mounts on one place the last is the one that is seen.
    Ok(real.ancestors().find_map(|above| mounts.iter().rev().find(|mount| Path::new(&mount.point) == above).cloned()))
}

/// What became, or would become, of an entry of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is as wanted.
    Present,
    /// There is none.
    New,
    /// It says something else.
    Change,
}

/// Whether an entry of the table is the one that another replaces.
pub fn is_meant(entry: &Entry, wanted: &Entry, match_on: &[String]) -> bool {
    let same = |field: &str| match field {
        "name" => entry.point == wanted.point,
        "device" => entry.device == wanted.device,
        "fstype" => entry.fstype == wanted.fstype,
        "opts" => entry.opts == wanted.opts,
        "dump" => entry.dump == wanted.dump,
        "pass_num" => entry.pass == wanted.pass,
        // All swap spaces stand at `none`: the device names them; everything else its place.
        _ if wanted.point == "none" || wanted.fstype == "swap" => entry.device == wanted.device,
        _ => entry.point == wanted.point,
    };
    match_on.iter().all(|field| same(field))
}

/// Compares an entry with the table.
pub fn compare(file: &Path, wanted: &Entry, match_on: &[String], keep: bool) -> Result<Change, CallError> {
    let entries = system::table(file).map_err(failed)?;
    let found = entries.iter().find(|entry| is_meant(entry, wanted, match_on));
    Ok(match found {
        None => Change::New,
        Some(entry) if keep || entry == wanted => Change::Present,
        Some(_) => Change::Change,
    })
}

fn set_fstab(_act: &Act, arguments: Arguments) -> CallResult {
    let args = SetFstab::bind("mount.set_fstab", arguments)?;
    let wanted = Entry {
        device: args.device,
        point: args.name,
        fstype: args.fstype,
        opts: args.opts.join(","),
        dump: args.dump,
        pass: args.pass_num,
    };
    let file = Path::new(&args.config);
    let change = compare(file, &wanted, &args.match_on, args.not_change)?;
    if change != Change::Present && !args.test {
        system::put(file, |entry| is_meant(entry, &wanted, &args.match_on), Some(&wanted)).map_err(failed)?;
    }
    Ok(match change {
        Change::Present => "present",
        Change::New => "new",
        Change::Change => "change",
    }
    .into())
}

fn rm_fstab(_act: &Act, arguments: Arguments) -> CallResult {
    let args = RmFstab::bind("mount.rm_fstab", arguments)?;
    let is_meant =
        |entry: &Entry| entry.point == args.name && args.device.as_ref().is_none_or(|device| *device == entry.device);
    let file = Path::new(&args.config);
    let known = system::table(file).map_err(failed)?.iter().any(is_meant);
    if known {
        system::put(file, is_meant, None).map_err(failed)?;
    }
    Ok(known.into())
}

/// Mounts; what was said when it failed.
pub fn mount(args: &Mount, again: bool) -> Result<Option<String>, CallError> {
    if args.util != "mount" {
        return Err(CallError::Unsupported(format!("mount.mount util={}", args.util)));
    }
    if args.mkmnt && !Path::new(&args.name).exists() {
        std::fs::create_dir_all(&args.name)
            .map_err(|error| CallError::Failed(format!("{}: {}", args.name, crate::system::fs::plain(&error))))?;
    }
    let mut opts: Vec<&str> = if again { vec!["remount"] } else { Vec::new() };
    opts.extend(args.opts.iter().map(String::as_str).filter(|opt| !opt.is_empty()));
    let opts = opts.join(",");
    let mut words = vec!["mount"];
    if !opts.is_empty() {
        words.extend(["-o", &opts]);
    }
    if !args.fstype.is_empty() {
        words.extend(["-t", &args.fstype]);
    }
    words.push("--");
    words.extend(args.device.as_deref());
    words.push(&args.name);
    system::run(&words, args.user.as_deref()).map_err(not_run)
}

/// Unmounts; what was said when it failed.
pub fn unmount(name: &str, user: Option<&str>, lazy: bool) -> Result<Option<String>, CallError> {
    let mut words = vec!["umount"];
    words.extend(lazy.then_some("--lazy"));
    words.extend(["--", name]);
    system::run(&words, user).map_err(not_run)
}

fn umount(_act: &Act, arguments: Arguments) -> CallResult {
    let args = Umount::bind("mount.umount", arguments)?;
    if args.util != "mount" {
        return Err(CallError::Unsupported(format!("mount.umount util={}", args.util)));
    }
    match system::mounted(&args.name).map_err(failed)? {
        None => Ok(format!("{} does not have anything mounted", args.name).into()),
        Some(mount) if args.device.as_ref().is_some_and(|device| !mount.is_of(device, false)) => {
            Ok(format!("{} is not what is mounted on {}", args.device.unwrap_or_default(), args.name).into())
        }
        Some(_) => Ok(told(unmount(&args.name, args.user.as_deref(), args.lazy)?).into()),
    }
}

/// True if a device is swapped to.
pub fn is_swap(name: &str) -> Result<bool, CallError> {
    let real = system::device_path(name);
    Ok(system::swaps().map_err(failed)?.iter().any(|(device, _)| *device == real || device == name))
}

/// Swaps to a device; what was said when it failed.
pub fn swap_on(name: &str, priority: Option<i64>) -> Result<Option<String>, CallError> {
    let priority = priority.map(|priority| priority.to_string());
    let mut words = vec!["swapon"];
    words.extend(priority.iter().flat_map(|priority| ["--priority", priority.as_str()]));
    words.extend(["--", name]);
    system::run(&words, None).map_err(not_run)
}

fn swapon(_act: &Act, arguments: Arguments) -> CallResult {
    let args = SwapOn::bind("mount.swapon", arguments)?;
    let fresh = !is_swap(&args.name)?;
    if fresh && let Some(why) = swap_on(&args.name, args.priority)? {
        return Err(CallError::Failed(why));
    }
    let stats = swaps()?.get(system::device_path(&args.name).as_str()).cloned().unwrap_or(Value::Null);
    Ok(Map::from_iter([("stats", stats), ("new", Value::from(fresh))]).into())
}

fn swapoff(_act: &Act, arguments: Arguments) -> CallResult {
    let name = Name::bind("mount.swapoff", arguments)?.name;
    if !is_swap(&name)? {
        return Ok(Value::Null.into());
    }
    match system::run(&["swapoff", "--", &name], None).map_err(not_run)? {
        None => Ok(true.into()),
        Some(why) => Err(CallError::Failed(why)),
    }
}
