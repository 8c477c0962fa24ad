//! `ps.*` about disks and network links, and what the machine's own programs list of processes and sockets.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::pattern::{Flags, Pattern};
use fleet_common::value::{Map, Value};

use super::processes::{failed, usage};
use crate::cx::{Look, Module};
use crate::modules::status::kernel;
use crate::modules::tool;
use crate::system::mount;
use crate::system::processes;

/// Bytes of a sector, as the kernel counts them whatever the disk says.
const SECTOR: i64 = 512;

/// The module.
pub const MODULE: Module = Module {
    name: "ps",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "disk_io_counters",
            "The kernel's counters of all disks together, or of one; false for one that is not there.",
            "ps.disk_io_counters sda1",
            Device::ROWS,
            disk_io_counters,
        ),
        Function::reads(
            "disk_partitions",
            "What is mounted: file systems on devices, or all.",
            "ps.disk_partitions all=True",
            All::ROWS,
            |_, arguments| {
                let all = All::bind("ps.disk_partitions", arguments)?.all;
                Ok(partitions(all)?.into_iter().map(Value::from).collect::<Value>().into())
            },
        ),
        Function::reads(
            "disk_partition_usage",
            "What is mounted, with the bytes it has.",
            "ps.disk_partition_usage",
            All::ROWS,
            disk_partition_usage,
        ),
        Function::reads(
            "network_io_counters",
            "The kernel's counters of all network links together, or of one; false for one that is not there.",
            "ps.network_io_counters eth0",
            Link::ROWS,
            network_io_counters,
        ),
        Function::reads(
            "status",
            "Names and numbers of the processes in a state (`running`, `sleeping`, `zombie`, ...).",
            "ps.status sleeping",
            State::ROWS,
            |_, arguments| {
                let wanted = State::bind("ps.status", arguments)?.status;
                let all = processes::all().map_err(failed)?;
                let about = |process: &processes::Process| {
                    let name = Value::from(process.name.as_str());
                    Value::from(Map::from_iter([("name", name), ("pid", i64::from(process.pid).into())]))
                };
                let fits = all.iter().filter(|process| process.status() == wanted);
                Ok(fits.map(about).collect::<Value>().into())
            },
        ),
        Function::reads(
            "psaux",
            "The lines of `ps aux` in which a pattern is found, and how many there are.",
            "ps.psaux www-data.+apache2",
            Name::ROWS,
            |_, arguments| {
                let name = Name::bind("ps.psaux", arguments)?.name;
                let lines = found(&tool::output(&["ps", "aux"])?, &name)?;
                let count = format!("{} occurrence(s).", lines.len());
                Ok(Value::List(vec![name.into(), lines.into(), count.into()]).into())
            },
        ),
        Function::reads(
            "ss",
            "The lines of `ss -neap` in which a pattern is found.",
            "ps.ss apache2",
            Name::ROWS,
            |_, arguments| sockets("ps.ss", &["ss", "-neap"], arguments),
        ),
        Function::reads(
            "netstat",
            "The lines of `netstat -nap` in which a pattern is found.",
            "ps.netstat apache2",
            Name::ROWS,
            |_, arguments| sockets("ps.netstat", &["netstat", "-nap"], arguments),
        ),
        Function::reads(
            "lsof",
            "What the processes of a name have open, from the program lsof.",
            "ps.lsof apache2",
            Name::ROWS,
            |_, arguments| {
                let name = Name::bind("ps.lsof", arguments)?.name;
                let said = tool::run(&["lsof", "-c", &name])?;
                let listed = Value::List(vec![name.into(), said.out().into()]);
                Ok(fleet_common::call::Outcome::with_status(listed, said.status))
            },
        ),
    ],
};

args! {
    /// Arguments of `ps.disk_io_counters`.
    pub struct Device {
        /// A disk or a part of one, as the kernel names it.
        device: Option<String> = None,
    }
}

args! {
    /// Arguments of `ps.disk_partitions`.
    pub struct All {
        /// Also what lies on no device.
        all: bool = false,
    }
}

args! {
    /// Arguments of `ps.network_io_counters`.
    pub struct Link {
        /// A link.
        interface: Option<String> = None,
    }
}

args! {
    /// Arguments of `ps.status`.
    pub struct State {
        /// The state.
        status: String,
    }
}

args! {
    /// A name or a pattern.
    pub struct Name {
        /// The name, or a regular expression.
        name: String,
    }
}

fn found(text: &str, pattern: &str) -> Result<Vec<String>, CallError> {
    let wrong = |error| CallError::Invocation(format!("name {pattern:?}: {error}"));
    let pattern = Pattern::new(pattern, Flags::default()).map_err(wrong)?;
    let mut lines = Vec::new();
    for line in text.lines() {
        if pattern.search(line).map_err(|error| CallError::Failed(error.to_string()))? {
            lines.push(line.to_owned());
        }
    }
    Ok(lines)
}

fn sockets(function: &str, argv: &[&str], arguments: Arguments) -> CallResult {
    let name = Name::bind(function, arguments)?.name;
    let lines = found(&tool::output(argv)?, &name)?;
    Ok(Value::List(vec![name.into(), lines.into()]).into())
}

/// Counters of a line of `/proc/diskstats` by the reference's names.
fn disk_line(line: &str) -> Option<(&str, [i64; 9])> {
    let mut words = line.split_whitespace().skip(2);
    let name = words.next()?;
    let counts: Vec<i64> = words.map(|word| word.parse().unwrap_or(0)).collect();
    let [reads, merged, sectors, read_ms, writes, w_merged, w_sectors, write_ms, _, busy, ..] = counts[..] else {
        return None;
    };
    let bytes = |sectors: i64| sectors.saturating_mul(SECTOR);
    Some((name, [reads, writes, bytes(sectors), bytes(w_sectors), read_ms, write_ms, merged, w_merged, busy]))
}

const OF_DISKS: [&str; 9] = [
    "read_count",
    "write_count",
    "read_bytes",
    "write_bytes",
    "read_time",
    "write_time",
    "read_merged_count",
    "write_merged_count",
    "busy_time",
];

fn disk_io_counters(_look: &Look, arguments: Arguments) -> CallResult {
    let device = Device::bind("ps.disk_io_counters", arguments)?.device;
    let text = kernel("diskstats")?;
    let is_whole = |name: &str| std::path::Path::new("/sys/block").join(name).exists();
    let all = text.lines().filter_map(disk_line);
    // What parts of a disk count, the disk counts too.
    let counted: Vec<[i64; 9]> = match &device {
        Some(device) => all.filter(|(name, _)| name == device).map(|(_, counts)| counts).collect(),
        None => all.filter(|(name, _)| is_whole(name)).map(|(_, counts)| counts).collect(),
    };
    Ok(summed(&OF_DISKS, &counted).map_or(Value::Bool(false), Value::from).into())
}

/// Counters added up by name; none of nothing.
fn summed<const N: usize>(names: &[&str; N], counted: &[[i64; N]]) -> Option<Map> {
    let sum = |place: usize| counted.iter().map(|counts| counts[place]).fold(0, i64::saturating_add);
    (!counted.is_empty()).then(|| names.iter().enumerate().map(|(place, name)| (*name, sum(place))).collect())
}

const OF_LINKS: [&str; 8] =
    ["bytes_sent", "bytes_recv", "packets_sent", "packets_recv", "errin", "errout", "dropin", "dropout"];

fn link_line(line: &str) -> Option<(&str, [i64; 8])> {
    let (name, counts) = line.split_once(':')?;
    let counts: Vec<i64> = counts.split_whitespace().map(|word| word.parse().unwrap_or(0)).collect();
    let [bytes_in, in_, err_in, drop_in, _, _, _, _, bytes_out, out, err_out, drop_out, ..] = counts[..] else {
        return None;
    };
    Some((name.trim(), [bytes_out, bytes_in, out, in_, err_in, err_out, drop_in, drop_out]))
}

fn network_io_counters(_look: &Look, arguments: Arguments) -> CallResult {
    let interface = Link::bind("ps.network_io_counters", arguments)?.interface;
    let text = kernel("net/dev")?;
    let wanted = |name: &str| interface.as_deref().is_none_or(|interface| interface == name);
    let lines = text.lines().filter_map(link_line).filter(|(name, _)| wanted(name));
    let counted: Vec<[i64; 8]> = lines.map(|(_, counts)| counts).collect();
    Ok(summed(&OF_LINKS, &counted).map_or(Value::Bool(false), Value::from).into())
}

/// Kinds of file systems that lie on devices, by the kernel's list.
fn partitions(all: bool) -> Result<Vec<Map>, CallError> {
    let kinds = kernel("filesystems")?;
    let on_devices: Vec<&str> =
        kinds.lines().filter(|line| !line.starts_with("nodev")).map(str::trim).chain(["zfs"]).collect();
    let mounts = mount::mounts().map_err(failed)?;
    let shown = |mount: &mount::Mounted| {
        all || (!mount.device.is_empty() && mount.device != "none" && on_devices.contains(&mount.fstype.as_str()))
    };
    let row = |mount: mount::Mounted| {
        let mut opts = mount.opts;
        opts.extend(mount.super_opts.into_iter().filter(|opt| opt != "rw" && opt != "ro"));
        let row = [("device", mount.device), ("mountpoint", mount.point), ("fstype", mount.fstype)];
        row.into_iter().chain([("opts", opts.join(","))]).collect::<Map>()
    };
    Ok(mounts.into_iter().filter(shown).map(row).collect())
}

fn disk_partition_usage(_look: &Look, arguments: Arguments) -> CallResult {
    let all = All::bind("ps.disk_partition_usage", arguments)?.all;
    let mut rows = Vec::new();
    for mut row in partitions(all)? {
        let point = row.get("mountpoint").and_then(Value::as_str).unwrap_or_default().to_owned();
        row.extend(usage(&point)?);
        rows.push(Value::from(row));
    }
    Ok(Value::List(rows).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_added_up_by_name() {
        let (name, counts) = disk_line(" 8 1 sda1 1 2 3 4 5 6 7 8 9 10 11 12").unwrap();
        assert_eq!((name, counts), ("sda1", [1, 5, 3 * 512, 7 * 512, 4, 8, 2, 6, 10]));
        let sum = summed(&OF_DISKS, &[counts, counts]).unwrap();
        assert_eq!(sum.get("busy_time").unwrap().as_int(), Some(20));
        assert!(summed(&OF_DISKS, &[]).is_none() && disk_line("8 1 sda1 1").is_none());
        let (name, counts) = link_line("  lo: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0").unwrap();
        assert_eq!((name, counts), ("lo", [5, 1, 6, 2, 3, 7, 4, 8]));
    }
}
