//! `disk.*`: how full file systems are, and what they are.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use crate::cx::{Look, Module};
use crate::modules::tool;

/// The functions that look.
pub const MODULE: Module = Module {
    name: "disk",
    doc: super::DOC,
    functions: &[
        Function::reads("usage", "Blocks of 1 KiB by mount point.", "disk.usage", Flags::ROWS, usage),
        Function::reads("inodeusage", "Inodes by mount point.", "disk.inodeusage", Flags::ROWS, inodeusage),
        Function::reads(
            "percent",
            "How full file systems are, by mount point; or the one that is mounted there.",
            "disk.percent /",
            Percent::ROWS,
            percent,
        ),
        Function::reads("blkid", "Block devices with their identifiers.", "disk.blkid", Blkid::ROWS, |_, arguments| {
            let args = Blkid::bind("disk.blkid", arguments)?;
            let mut words = vec!["blkid"];
            let token = args.token.map(|token| format!("--match-token={token}"));
            words.extend(token.as_deref());
            if let Some(device) = args.device.as_deref() {
                words.extend(["--", device]);
            }
            let finished = tool::run(&words)?;
            match finished.status {
                0 => Ok(devices(&finished.out()).into()),
                // Its word for "nothing found".
                2 => Ok(Map::new().into()),
                _ => Err(CallError::Failed(format!("blkid: {}", finished.said()))),
            }
        }),
        Function::reads(
            "fstype",
            "The kind of the file system on a device, or an empty text.",
            "disk.fstype /dev/sda1",
            Device::ROWS,
            |_, arguments| {
                let device = Device::bind("disk.fstype", arguments)?.device;
                let finished = tool::run(&["lsblk", "-n", "-d", "-o", "FSTYPE", "--", &device])?;
                if finished.status != 0 {
                    return Err(CallError::Failed(format!("lsblk: {}", finished.said())));
                }
                Ok(finished.out().trim().into())
            },
        ),
        Function::reads(
            "dump",
            "What the kernel knows of a block device, or some of it; false for what is none.",
            "disk.dump /dev/sda1 args='[size]'",
            Dump::ROWS,
            dump,
        ),
        Function::reads(
            "get_fstype_from_path",
            "The kind of the file system that a path is on.",
            "disk.get_fstype_from_path /root",
            Path::ROWS,
            |_, arguments| {
                let path = Path::bind("disk.get_fstype_from_path", arguments)?.path;
                let said = tool::output(&["df", "-P", "-T", "--", &path])?;
                Ok(said.lines().nth(1).and_then(|line| line.split_whitespace().nth(1)).unwrap_or_default().into())
            },
        ),
    ],
};

args! {
    /// How `df` lists file systems.
    pub struct Flags {
        /// Letters of `df`: `a`, `h`, `l`, ...
        args: Option<String> = None,
    }
}

args! {
    /// Arguments of `disk.percent`.
    pub struct Percent {
        /// A mount point.
        args: Option<String> = None,
    }
}

args! {
    /// Arguments of `disk.blkid`.
    pub struct Blkid {
        /// A device.
        device: Option<String> = None,
        /// What it must have (`UUID=...`).
        token: Option<String> = None,
    }
}

args! {
    /// A device.
    pub struct Device {
        /// Its path.
        device: String,
    }
}

args! {
    /// A path.
    pub struct Path {
        /// The path.
        path: String,
    }
}

args! {
    /// Arguments of `disk.dump`.
    pub struct Dump {
        /// The device.
        device: String,
        /// Only these.
        args: Vec<String> = Vec::new(),
    }
}

/// Questions of `blockdev` and what the reference calls their answers.
const ASKED: [(&str, &str); 12] = [
    ("--getro", "getro"),
    ("--getsz", "getsz"),
    ("--getss", "getss"),
    ("--getpbsz", "getpbsz"),
    ("--getiomin", "getiomin"),
    ("--getioopt", "getioopt"),
    ("--getalignoff", "getalignoff"),
    ("--getmaxsect", "getmaxsect"),
    ("--getsize", "getsize"),
    ("--getsize64", "getsize64"),
    ("--getra", "getra"),
    ("--getfra", "getfra"),
];

pub(super) fn dump(_look: &Look, arguments: Arguments) -> CallResult {
    let Dump { device, args } = Dump::bind("disk.dump", arguments)?;
    if !device.starts_with('/') {
        return Err(CallError::Invocation(format!("a device is an absolute path, not {device:?}")));
    }
    if let Some(name) = args.iter().find(|name| !ASKED.iter().any(|(_, known)| known == name)) {
        let known = ASKED.map(|(_, known)| known).join(", ");
        return Err(CallError::Invocation(format!("disk.dump does not know '{name}', only {known}")));
    }
    let words = ["blockdev"].into_iter().chain(ASKED.map(|(question, _)| question)).chain([device.as_str()]);
    let finished = tool::run(&words.collect::<Vec<_>>())?;
    if finished.status != 0 {
        return Ok(fleet_common::call::Outcome::with_status(false, finished.status));
    }
    let wanted = |name: &str| args.is_empty() || args.iter().any(|arg| arg == name);
    let told = finished.out();
    let answers = ASKED.iter().map(|(_, name)| *name).zip(told.lines().map(str::trim));
    Ok(answers.filter(|(name, _)| wanted(name)).collect::<Map>().into())
}

/// A line of `df -P`: file system, four figures, mount point.
struct Line {
    fields: Vec<String>,
    point: String,
}

fn df(fixed: &str, flags: Option<&str>, function: &str) -> Result<Vec<Line>, CallError> {
    const ALLOWED: &str = "aHhklmTx";
    let flags = flags.unwrap_or_default().trim_start_matches('-');
    if !flags.chars().all(|flag| ALLOWED.contains(flag) && flag != 'T' && flag != 'x') {
        return Err(CallError::Invocation(format!(
            "Invalid flag passed to {function}: letters of {ALLOWED:?} without T and x"
        )));
    }
    let all = format!("-{fixed}{flags}");
    let finished = tool::run(&["df", &all])?;
    // A file system that cannot be asked makes it fail, and it lists the others.
    if finished.stdout.is_empty() {
        return Err(CallError::Failed(format!("df: {}", finished.said())));
    }
    Ok(lines(&finished.out()))
}

fn lines(text: &str) -> Vec<Line> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let fields: Vec<String> = words.by_ref().take(5).map(str::to_owned).collect();
        let point = words.collect::<Vec<_>>().join(" ");
        (fields.len() == 5 && !point.is_empty()).then_some(Line { fields, point })
    };
    text.lines().skip(1).filter_map(line).collect()
}

fn listed(lines: Vec<Line>, names: [&str; 5]) -> Map {
    let about = |line: Line| (line.point, names.into_iter().zip(line.fields).collect::<Map>());
    lines.into_iter().map(about).collect()
}

fn usage(_look: &Look, arguments: Arguments) -> CallResult {
    let flags = Flags::bind("disk.usage", arguments)?.args;
    let lines = df("Pk", flags.as_deref(), "disk.usage")?;
    Ok(listed(lines, ["filesystem", "1K-blocks", "used", "available", "capacity"]).into())
}

fn inodeusage(_look: &Look, arguments: Arguments) -> CallResult {
    let flags = Flags::bind("disk.inodeusage", arguments)?.args;
    let lines = df("Pi", flags.as_deref(), "disk.inodeusage")?;
    Ok(listed(lines, ["filesystem", "inodes", "used", "free", "use"]).into())
}

fn percent(_look: &Look, arguments: Arguments) -> CallResult {
    let point = Percent::bind("disk.percent", arguments)?.args;
    let mut full: Map = df("Pk", None, "disk.percent")?
        .into_iter()
        .map(|line| (line.point, line.fields.last().cloned().unwrap_or_default()))
        .collect();
    match point {
        None => Ok(full.into()),
        Some(point) => Ok(full.remove(&point).unwrap_or_else(|| Value::from(Map::new())).into()),
    }
}

/// Lines `/dev/x: NAME="value" ...`.
fn devices(text: &str) -> Map {
    let mut found = Map::new();
    for (device, mut rest) in text.lines().filter_map(|line| line.split_once(": ")) {
        let mut about = Map::new();
        while let Some((name, more)) = rest.trim_start().split_once("=\"") {
            let Some((value, more)) = more.split_once('"') else { break };
            about.insert(name, value);
            rest = more;
        }
        found.insert(device, about);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_the_programs_are_read() {
        let text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 100 60 40 60% /\nt 1 0 1 0% /a b\nbad\n";
        let read = listed(lines(text), ["filesystem", "1K-blocks", "used", "available", "capacity"]);
        assert_eq!(read.get("/").unwrap().get("capacity").unwrap().as_str(), Some("60%"));
        assert!(read.get("/a b").is_some() && read.len() == 2);
        let read = devices("/dev/vda1: LABEL=\"a b\" UUID=\"x-y\" TYPE=\"ext4\"\n");
        assert_eq!(read.get("/dev/vda1").unwrap().get("LABEL").unwrap().as_str(), Some("a b"));
        assert_eq!(read.get("/dev/vda1").unwrap().get("TYPE").unwrap().as_str(), Some("ext4"));
    }
}
