//! `partition.*`: partitions of disks, through `parted`, `sfdisk`, and the programs that make file systems.

use fleet_common::call::{CallError, CallResult, Function};
use fleet_common::value::Map;

use super::arguments::{
    Align, Copy, Disk, DiskFlag, DiskSet, Label, List, Make, MakeFs, Minor, Name, Probe, Rescue, Resize, Set, SetId,
    Toggle,
};
use super::parted::{change, device, is_aligned, lines, look, place, quoted, word};
use crate::cx::{Act, Module};
use crate::modules::tool;

/// The module.
pub const MODULE: Module = Module {
    name: "partition",
    doc: "Partitions of disks.",
    functions: &[
        Function::reads("list", "A disk and its partitions.", "partition.list /dev/sda unit=s", List::ROWS, |_, a| {
            let List { device: disk, unit } = List::bind("partition.list", a)?;
            let unit = unit.as_deref().map(|unit| word("the unit", unit)).transpose()?;
            Ok(super::parted::list(device(&disk)?, unit)?.into())
        }),
        Function::reads(
            "align_check",
            "Whether a partition begins where the disk likes it.",
            "partition.align_check /dev/sda optimal 1",
            Align::ROWS,
            |_, arguments| {
                let Align { device: disk, part_type, partition } = Align::bind("partition.align_check", arguments)?;
                if !["minimal", "optimal"].contains(&part_type.as_str()) {
                    return Err(one_of("part_type", &["minimal", "optimal"], &part_type));
                }
                let word = if is_aligned(device(&disk)?, &part_type, partition)? { "aligned" } else { "not aligned" };
                Ok(lines(&format!("{partition} {word}")).into())
            },
        ),
        Function::reads(
            "check",
            "Checks the file system of a partition; only a parted before 3.0 can.",
            "partition.check /dev/sda 1",
            Minor::ROWS,
            |_, arguments| {
                let Minor { device: disk, minor } = Minor::bind("partition.check", arguments)?;
                Ok(look(device(&disk)?, &["check", &minor.to_string()])?.into())
            },
        ),
        Function::reads(
            "exists",
            "True if there is such a partition.",
            "partition.exists /dev/sda1",
            Disk::ROWS,
            |_, a| Ok(device(&Disk::bind("partition.exists", a)?.device).is_ok().into()),
        ),
        Function::reads(
            "get_block_device",
            "Disks of this machine: neither memory nor files nor what is inserted.",
            "partition.get_block_device",
            &[],
            |_, _| {
                let words = ["lsblk", "--nodeps", "--noheadings", "--output", "KNAME", "--exclude", "1,7,11"];
                Ok(lines(&tool::output(&words)?).into())
            },
        ),
        Function::reads(
            "get_id",
            "The type of a partition: `83`, or an identifier of GPT.",
            "partition.get_id /dev/sda 1",
            Minor::ROWS,
            |_, arguments| {
                let Minor { device: disk, minor } = Minor::bind("partition.get_id", arguments)?;
                Ok(lines(&tool::output(&["sfdisk", "--part-type", device(&disk)?, &minor.to_string()])?).into())
            },
        ),
        Function::reads(
            "system_types",
            "The types of partitions that `sfdisk` knows, by their numbers.",
            "partition.system_types",
            &[],
            |_, _| Ok(types(&tool::output(&["sfdisk", "--list-types"])?).into()),
        ),
        Function::changes(
            "set_id",
            "Gives a partition another type.",
            "partition.set_id /dev/sda 1 8e",
            SetId::ROWS,
            |_, arguments| {
                let SetId { device: disk, minor, system_id } = SetId::bind("partition.set_id", arguments)?;
                let id = word("the type", &system_id)?;
                Ok(lines(&tool::output(&["sfdisk", "--part-type", device(&disk)?, &minor.to_string(), id])?).into())
            },
        ),
        Function::changes(
            "mklabel",
            "Makes a new table of partitions: all partitions are lost.",
            "partition.mklabel /dev/sdb gpt",
            Label::ROWS,
            |act, arguments| {
                let Label { device: disk, label_type } = Label::bind("partition.mklabel", arguments)?;
                Ok(change(act, device(&disk)?, &["mklabel", word("the kind of table", &label_type)?])?.into())
            },
        ),
        Function::changes(
            "mkpart",
            "Makes a partition.",
            "partition.mkpart /dev/sdb primary fs_type=ext4 start=1MB end=640MB",
            Make::ROWS,
            |act, arguments| make(act, &Make::bind("partition.mkpart", arguments)?),
        ),
        Function::changes(
            "mkpartfs",
            "Another name for `mkpart`.",
            "partition.mkpartfs /dev/sdb primary fs_type=ext4 start=1MB end=640MB",
            Make::ROWS,
            |act, arguments| make(act, &Make::bind("partition.mkpartfs", arguments)?),
        ),
        Function::changes("rm", "Removes a partition.", "partition.rm /dev/sdb 5", Minor::ROWS, |act, arguments| {
            let Minor { device: disk, minor } = Minor::bind("partition.rm", arguments)?;
            Ok(change(act, device(&disk)?, &["rm", &minor.to_string()])?.into())
        }),
        Function::changes(
            "name",
            "Names a partition.",
            "partition.name /dev/sdb 1 'My Documents'",
            Name::ROWS,
            |act, arguments| {
                let Name { device: disk, partition, name } = Name::bind("partition.name", arguments)?;
                Ok(change(act, device(&disk)?, &["name", &partition.to_string(), &quoted(&name)?])?.into())
            },
        ),
        Function::changes(
            "set",
            "Sets a flag of a partition, or takes it away.",
            "partition.set /dev/sdb 1 boot on",
            Set::ROWS,
            |act, arguments| {
                let Set { device: disk, minor, flag, state } = Set::bind("partition.set", arguments)?;
                let flag = word("the flag", &flag)?;
                Ok(change(act, device(&disk)?, &["set", &minor.to_string(), flag, on_off(state)])?.into())
            },
        ),
        Function::changes(
            "toggle",
            "Sets a flag of a partition if it is not set, else takes it away.",
            "partition.toggle /dev/sdb 1 boot",
            Toggle::ROWS,
            |act, arguments| {
                let Toggle { device: disk, partition, flag } = Toggle::bind("partition.toggle", arguments)?;
                let flag = word("the flag", &flag)?;
                Ok(change(act, device(&disk)?, &["toggle", &partition.to_string(), flag])?.into())
            },
        ),
        Function::changes(
            "disk_set",
            "Sets a flag of a disk, or takes it away.",
            "partition.disk_set /dev/sdb pmbr_boot on",
            DiskSet::ROWS,
            |act, arguments| {
                let DiskSet { device: disk, flag, state } = DiskSet::bind("partition.disk_set", arguments)?;
                Ok(change(act, device(&disk)?, &["disk_set", word("the flag", &flag)?, on_off(state)])?.into())
            },
        ),
        Function::changes(
            "disk_toggle",
            "Sets a flag of a disk if it is not set, else takes it away.",
            "partition.disk_toggle /dev/sdb pmbr_boot",
            DiskFlag::ROWS,
            |act, arguments| {
                let DiskFlag { device: disk, flag } = DiskFlag::bind("partition.disk_toggle", arguments)?;
                Ok(change(act, device(&disk)?, &["disk_toggle", word("the flag", &flag)?])?.into())
            },
        ),
        Function::changes(
            "cp",
            "Copies a file system over another; only a parted before 3.0 can.",
            "partition.cp /dev/sdb 2 3",
            Copy::ROWS,
            |act, arguments| {
                let Copy { device: disk, from_minor, to_minor } = Copy::bind("partition.cp", arguments)?;
                Ok(change(act, device(&disk)?, &["cp", &from_minor.to_string(), &to_minor.to_string()])?.into())
            },
        ),
        Function::changes(
            "resize",
            "Gives a partition another place; only a parted before 3.0 can.",
            "partition.resize /dev/sdb 3 200 850",
            Resize::ROWS,
            |act, arguments| {
                let Resize { device: disk, minor, start, end } = Resize::bind("partition.resize", arguments)?;
                let (start, end) = (place("start", &start)?, place("end", &end)?);
                Ok(change(act, device(&disk)?, &["resize", &minor.to_string(), start, end])?.into())
            },
        ),
        Function::changes(
            "rescue",
            "Looks for a lost partition between two places, and puts it into the table again.",
            "partition.rescue /dev/sdb 0 8056",
            Rescue::ROWS,
            |act, arguments| {
                let Rescue { device: disk, start, end } = Rescue::bind("partition.rescue", arguments)?;
                let (start, end) = (place("start", &start)?, place("end", &end)?);
                Ok(change(act, device(&disk)?, &["rescue", start, end])?.into())
            },
        ),
        Function::changes(
            "probe",
            "Has the kernel read the tables of disks again; of all when none is named.",
            "partition.probe /dev/sdb",
            Probe::ROWS,
            |_, arguments| {
                let Probe { devices } = Probe::bind("partition.probe", arguments)?;
                let devices = devices.iter().map(|disk| device(disk)).collect::<Result<Vec<_>, _>>()?;
                Ok(lines(&tool::output(&[&["partprobe", "--"], &devices[..]].concat())?).into())
            },
        ),
        Function::changes(
            "mkfs",
            "Makes a file system: all that was on the partition is lost.",
            "partition.mkfs /dev/sdb2 ext4",
            MakeFs::ROWS,
            |_, arguments| {
                let MakeFs { device: disk, fs_type } = MakeFs::bind("partition.mkfs", arguments)?;
                let Some((_, maker)) = MAKERS.iter().find(|(kind, _)| *kind == fs_type) else {
                    let kinds: Vec<&str> = MAKERS.iter().map(|(kind, _)| *kind).collect();
                    return Err(one_of("fs_type", &kinds, &fs_type));
                };
                Ok(lines(&tool::output(&[*maker, &[device(&disk)?]].concat())?).into())
            },
        ),
    ],
};

/// What makes which file system.
const MAKERS: &[(&str, &[&str])] = &[
    ("btrfs", &["mkfs.btrfs"]),
    ("ext2", &["mkfs.ext2", "-q"]),
    ("ext3", &["mkfs.ext3", "-q"]),
    ("ext4", &["mkfs.ext4", "-q"]),
    ("fat16", &["mkfs.fat", "-F", "16"]),
    ("fat32", &["mkfs.fat", "-F", "32"]),
    ("linux-swap", &["mkswap"]),
    ("ntfs", &["mkfs.ntfs", "-Q"]),
    ("reiserfs", &["mkfs.reiserfs", "-q"]),
    ("xfs", &["mkfs.xfs"]),
];

fn one_of(what: &str, known: &[&str], given: &str) -> CallError {
    CallError::Invocation(format!("'{what}' is one of {}, not {given:?}", known.join(", ")))
}

fn on_off(state: bool) -> &'static str {
    if state { "on" } else { "off" }
}

fn make(act: &Act, make: &Make) -> CallResult {
    const KINDS: [&str; 3] = ["primary", "logical", "extended"];
    if !KINDS.contains(&make.part_type.as_str()) {
        return Err(one_of("part_type", &KINDS, &make.part_type));
    }
    let missing =
        || CallError::Invocation("say where the partition begins ('start') and where it ends ('end')".to_owned());
    let start = place("start", make.start.as_deref().ok_or_else(missing)?)?;
    let end = place("end", make.end.as_deref().ok_or_else(missing)?)?;
    let kind = make.fs_type.as_deref().map(|kind| word("the file system", kind)).transpose()?;
    let words: Vec<&str> = ["mkpart", &make.part_type].into_iter().chain(kind).chain([start, end]).collect();
    Ok(change(act, device(&make.device)?, &words)?.into())
}

/// `  8e  Linux LVM`: numbers and what they stand for.
fn types(said: &str) -> Map {
    let typed = |line: &str| -> Option<(String, String)> {
        let (id, name) = line.trim().split_once(char::is_whitespace)?;
        id.chars().all(|c| c.is_ascii_hexdigit()).then(|| (id.to_owned(), name.trim().to_owned()))
    };
    said.lines().filter_map(typed).collect()
}
