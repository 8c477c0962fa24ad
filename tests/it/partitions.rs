//! Partitions of a disk that is a file behind a loop device: made, named, flagged, removed by the real programs.

use std::process::Command;

use fleet_common::call::Arguments;
use fleet_common::value::Value;
use fleet_minion::cx::Act;
use fleet_minion::system::command::which;
use fleet_tests::harness::skip;

use crate::states::{minion, shell};

/// A disk of 64 MB; gone on drop.
pub(crate) struct Disk {
    pub(crate) device: String,
    pub(crate) scratch: tempfile::TempDir,
    pub(crate) act: Act,
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.device]).status();
    }
}

/// The disk, unless this machine has no programs or no loop devices for it: then the test is skipped, by name.
pub(crate) fn disk(test: &str) -> Option<Disk> {
    if let Some(program) = ["parted", "sfdisk", "losetup"].into_iter().find(|program| which(program, None).is_none()) {
        skip(test, &format!("there is no program '{program}'"));
        return None;
    }
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().canonicalize().unwrap();
    shell(&root, "mkdir -p R/srv R/cache; truncate -s 64M R/disk");
    let mut losetup = Command::new(which("losetup", None).unwrap());
    let made = losetup.args(["--find", "--show"]).arg(root.join("disk")).output().unwrap();
    if !made.status.success() {
        skip(test, &format!("there can be no loop device: {}", String::from_utf8_lossy(&made.stderr).trim()));
        return None;
    }
    let device = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    Some(Disk { device, act: minion(&root), scratch })
}

impl Disk {
    /// Calls a function for the disk; what it gives, or the words of its error.
    fn call(&self, function: &str, more: &[&str]) -> Result<Value, String> {
        let words = std::iter::once(self.device.as_str()).chain(more.iter().copied());
        let called = self.act.run(&format!("partition.{function}"), Arguments::positional(words));
        called.map(|outcome| outcome.value).map_err(|error| error.to_string())
    }

    fn done(&self, function: &str, more: &[&str]) -> Value {
        self.call(function, more).unwrap_or_else(|error| panic!("{function} {more:?}: {error}"))
    }

    /// What is said of the disk, or of a partition.
    fn said(&self, partition: Option<&str>, what: &str) -> Option<String> {
        let list = self.done("list", &["s"]);
        let part = match partition {
            None => list.get("info"),
            Some(number) => list.get("partitions").and_then(|all| all.get(number)),
        };
        part?.get(what).and_then(Value::as_str).map(str::to_owned)
    }
}

#[test]
fn partitions_are_made_named_flagged_and_removed() {
    let Some(disk) = disk("partitions_are_made_named_flagged_and_removed") else { return };
    let (flags, name) = (|| disk.said(Some("1"), "flags").unwrap(), || disk.said(Some("1"), "name").unwrap());
    assert_eq!(disk.said(None, "partition table").unwrap(), "unknown");
    disk.done("mklabel", &["gpt"]);
    assert_eq!(disk.said(None, "partition table").unwrap(), "gpt");
    disk.done("mkpart", &["primary", "ext4", "2048s", "38911s"]);
    disk.done("mkpartfs", &["primary", "linux-swap", "20MiB", "40MiB"]);
    assert_eq!(
        (disk.said(Some("1"), "start").unwrap(), disk.said(Some("2"), "size").unwrap()),
        ("2048s".to_owned(), "40960s".to_owned())
    );
    assert_eq!(disk.done("align_check", &["optimal", "1"]), Value::from_iter(["1 aligned"]));
    disk.done("mkpart", &["primary", "ext4", "50000001B", "60000000B"]);
    assert_eq!(disk.done("align_check", &["optimal", "3"]), Value::from_iter(["3 not aligned"]));

    disk.done("name", &["1", "My Documents"]);
    assert_eq!(name(), "My Documents");
    disk.done("name", &["1", "it's; rm 2"]);
    assert_eq!(name(), "it's; rm 2");
    assert!(disk.said(Some("2"), "start").is_some());
    disk.done("set", &["1", "boot", "on"]);
    assert!(flags().contains("boot"));
    disk.done("set", &["1", "boot", "off"]);
    disk.done("toggle", &["1", "lvm"]);
    assert_eq!(flags(), "lvm");
    disk.done("disk_set", &["pmbr_boot", "on"]);
    assert_eq!(disk.said(None, "disk flags").unwrap(), "pmbr_boot");
    disk.done("disk_toggle", &["pmbr_boot"]);
    assert_eq!(disk.said(None, "disk flags").unwrap(), "");
    disk.done("rescue", &["0", "60"]);
    disk.done("rm", &["2"]);
    assert!(disk.said(Some("2"), "start").is_none());

    disk.done("mklabel", &["msdos"]);
    disk.done("mkpart", &["primary", "ext4", "1MiB", "20MiB"]);
    assert_eq!(disk.done("get_id", &["1"]), Value::from_iter(["83"]));
    disk.done("set_id", &["1", "8e"]);
    assert_eq!(disk.done("get_id", &["1"]), Value::from_iter(["8e"]));
    assert_eq!(disk.done("exists", &[]), Value::from(true));
    let types = disk.act.run("partition.system_types", Arguments::default()).unwrap().value;
    assert_eq!(types.get("8e"), Some(&Value::from("Linux LVM")));
    disk.act.run("partition.get_block_device", Arguments::default()).unwrap();
}

#[test]
fn file_systems_are_made() {
    let Some(disk) = disk("file_systems_are_made") else { return };
    for (kind, there) in [("ext4", "ext4"), ("ext2", "ext2"), ("linux-swap", "swap")] {
        disk.done("mkfs", &[kind]);
        // What is there, not what is remembered.
        let line = format!("test \"$(blkid -p -o value -s TYPE {})\" = {there}", disk.device);
        shell(disk.scratch.path(), &line);
    }
}

#[test]
fn what_makes_no_sense_leaves_the_disk_as_it_is() {
    let Some(disk) = disk("what_makes_no_sense_leaves_the_disk_as_it_is") else { return };
    disk.done("mklabel", &["gpt"]);
    disk.done("mkpart", &["primary", "ext4", "1MiB", "20MiB"]);
    let sum = || std::fs::read(disk.scratch.path().join("disk")).unwrap();
    let before = sum();
    let wrong: &[(&str, &[&str], &str)] = &[
        ("mklabel", &["nonsense"], "nonsense"),
        ("mklabel", &["gpt mkpart"], "one word"),
        ("mkpart", &["primary"], "'start'"),
        ("mkpart", &["other", "ext4", "1", "2"], "'part_type' is one of"),
        ("mkpart", &["primary", "nonsense", "30MB", "40MB"], "nonsense"),
        ("mkpart", &["primary", "ext4", "rm", "1"], "start is a number"),
        ("rm", &["9"], "doesn't exist"),
        ("set", &["1", "nonsense", "on"], "nonsense"),
        ("set", &["1", "boot", "perhaps"], "state"),
        ("name", &["1", "a\nb"], "one line"),
        ("list", &["zz"], "zz"),
        ("check", &["1"], "parted 3.0"),
        ("cp", &["1", "2"], "parted 3.0"),
        ("resize", &["1", "1", "15"], "removed"),
        ("set_id", &["1", "no type"], "one word"),
        ("mkfs", &["nonsense"], "'fs_type' is one of"),
    ];
    for (function, words, told) in wrong {
        let error = disk.call(function, words).expect_err(function);
        assert!(error.contains(told), "{function} {words:?}: {error}");
    }
    for path in ["/dev/there-is-none", "relative", "/etc/hostname", "/dev/null"] {
        let error = disk.act.run("partition.list", Arguments::positional([path])).unwrap_err().to_string();
        assert!(error.contains(path) && error.contains("/dev/sda"), "{error}");
        let exists = disk.act.run("partition.exists", Arguments::positional([path])).unwrap().value;
        assert_eq!(exists, Value::from(false));
    }
    assert!(sum() == before, "something was written");
}
