//! File systems made by `disk.*` on a disk that is a file behind a loop device, and attributes of files on a real ext4.

use std::path::{Path, PathBuf};
use std::process::Command;

use fleet_common::call::Arguments;
use fleet_common::value::Value;
use fleet_minion::cx::Act;
use fleet_tests::harness::skip;

use crate::partitions::disk;

/// A mounted file system; unmounted on drop.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn mount(device: &str, at: PathBuf) -> Result<Mounted, String> {
    std::fs::create_dir_all(&at).unwrap();
    let output = Command::new("mount").arg(device).arg(&at).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(Mounted(at)) } else { Err(said) }
}

/// Calls a function with a line of YAML as its named arguments.
fn call(act: &Act, function: &str, positional: &[&str], named: &[(&str, Value)]) -> Result<Value, String> {
    let mut arguments = Arguments::positional(positional.iter().copied());
    for (name, value) in named {
        arguments.keyword.insert(*name, value.clone());
    }
    act.run(function, arguments).map(|outcome| outcome.value).map_err(|error| error.to_string())
}

/// Runs `file.managed`; its result, changes and comment.
fn managed(act: &Act, file: &Path, text: &str, attrs: &str, test: bool) -> (Value, Value, String) {
    let named = [("contents", text.into()), ("attrs", attrs.into()), ("test", test.into())];
    let told = call(act, "state.single", &["file.managed", &file.to_string_lossy()], &named).unwrap();
    let chunk = told.as_map().unwrap().values().next().unwrap().clone();
    let part = |name: &str| chunk.get(name).cloned().unwrap();
    (part("result"), part("changes"), part("comment").as_str().unwrap().to_owned())
}

#[test]
fn attributes_of_files_are_set_and_told_on_ext4() {
    let test = "attributes_of_files_are_set_and_told_on_ext4";
    let Some(disk) = disk(test) else { return };
    let act = &disk.act;
    assert_eq!(call(act, "disk.format", &[&disk.device], &[]).unwrap(), Value::from(true));
    let root = match mount(&disk.device, disk.scratch.path().join("mnt")) {
        Ok(root) => root,
        Err(why) => return skip(test, &format!("nothing can be mounted: {why}")),
    };
    let file = root.0.join("a b");
    let path = file.to_string_lossy().into_owned();
    let letters = || {
        let told = call(act, "file.lsattr", &[&path], &[]).unwrap();
        told.get(path.as_str()).unwrap().as_list().unwrap().iter().filter_map(Value::as_str).collect::<String>()
    };

    // Predicted, made, kept, another set: letters that are not wanted go.
    let (result, changes, _) = managed(act, &file, "one", "A", true);
    assert!(result.is_null() && changes.get("newfile").is_some() && !file.exists());
    let (result, changes, _) = managed(act, &file, "one", "A", false);
    assert_eq!(result, Value::from(true));
    assert_eq!(changes.get("attrs").and_then(|attrs| attrs.get("new")).and_then(Value::as_str), Some("A"));
    assert_eq!(letters(), "Ae");
    assert_eq!(managed(act, &file, "one", "A", false).1, Value::Map(fleet_common::value::Map::new()));
    let (result, changes, _) = managed(act, &file, "one", "d", true);
    assert!(result.is_null() && changes.get("attrs").is_some());
    assert_eq!(letters(), "Ae", "a dry run changes nothing");
    managed(act, &file, "one", "d", false);
    assert_eq!(letters(), "de");
    let (result, _, comment) = managed(act, &file, "two", "Q", false);
    assert_eq!((result, comment), (Value::from(false), "Failed to change attributes to Q".to_owned()));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\n", "a wrong letter leaves the file as it was");

    // A file that nobody may change stays as it is, and that is said.
    let immutable = [("operator", Value::from("add")), ("attributes", Value::from("i"))];
    assert_eq!(call(act, "file.chattr", &[&path], &immutable).unwrap(), Value::from(true));
    let (result, _, comment) = managed(act, &file, "two", "di", false);
    assert_eq!(result, Value::from(false));
    assert!(comment.contains("a b"), "{comment}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\n");
    let mutable = [("operator", Value::from("remove")), ("attributes", Value::from("i"))];
    assert_eq!(call(act, "file.chattr", &[&path], &mutable).unwrap(), Value::from(true));
    assert_eq!(letters(), "de");

    let missing = call(act, "file.lsattr", &["/nowhere/x"], &[]).unwrap_err();
    assert!(missing.contains("/nowhere/x"), "{missing}");
    let odd = [("operator", Value::from("add")), ("attributes", Value::from("A /etc/passwd"))];
    assert!(call(act, "file.chattr", &[&path], &odd).unwrap_err().contains("letters"));
}

#[test]
fn file_systems_are_made_grown_and_wiped() {
    let Some(disk) = disk("file_systems_are_made_grown_and_wiped") else { return };
    let (act, device) = (&disk.act, disk.device.as_str());
    let kind = || call(act, "disk.blkid", &[device], &[]).unwrap().get(device).and_then(|it| it.get("TYPE").cloned());
    assert_eq!(kind(), None);
    let small = [("fs_type", Value::from("ext2")), ("inode_size", Value::from(512))];
    assert_eq!(call(act, "disk.format", &[device], &small).unwrap(), Value::from(true));
    assert_eq!(kind(), Some(Value::from("ext2")));
    assert_eq!(call(act, "disk.resize2fs", &[device], &[]).unwrap(), Value::from(true));
    assert_eq!(call(act, "disk.format", &[device, "nosuchkind"], &[]).unwrap(), Value::from(false));
    assert!(call(act, "disk.format", &[device, "ext4 /dev/x"], &[]).unwrap_err().contains("fs_type"));
    assert!(call(act, "disk.format", &["-V"], &[]).unwrap_err().contains("absolute path"));
    assert_eq!(call(act, "disk.format", &["/dev/nosuch"], &[]).unwrap(), Value::from(false));

    let told = call(act, "disk.tune", &[device], &[("read-ahead", Value::from(512))]).unwrap();
    assert_eq!(told.get("getra").and_then(Value::as_str), Some("512"));
    let wrong = call(act, "disk.tune", &[device], &[("readahead", Value::from(512))]).unwrap_err();
    assert!(wrong.contains("readahead"), "{wrong}");

    assert_eq!(call(act, "disk.wipe", &[device], &[]).unwrap(), Value::from(true));
    assert_eq!(kind(), None);
    assert_eq!(call(act, "disk.resize2fs", &[device], &[]).unwrap(), Value::Null);
}
