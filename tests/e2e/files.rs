//! Files of the tree on their way to a minion: directories, large files, cut connections, full disks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fleet_tests::harness::proxy::Proxy;
use fleet_tests::harness::{Finished, Fleet, FleetOptions, skip, wait_until};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::one;
use fleet_tests::attack::between::point_at;

const MIB: usize = 1 << 20;

/// Bytes of which no two blocks are alike: a wrong order would show.
fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![seed as u8; size];
    for (number, block) in bytes.chunks_exact_mut(512).enumerate() {
        block[..8].copy_from_slice(&(number as u64 * 1_000_003 + seed).to_le_bytes());
    }
    bytes
}

fn put(fleet: &Fleet, path: &str, content: &[u8]) -> PathBuf {
    let path = fleet.dir().join("srv/salt").join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path
}

fn run(fleet: &Fleet, words: &[&str]) -> Finished {
    fleet.ctl(&[&["web1"], words, &["--out", "json", "--static"]].concat())
}

fn answer(fleet: &Fleet, words: &[&str]) -> Value {
    let finished = run(fleet, words);
    assert_eq!(finished.status, 0, "{finished:?}\n{}", fleet.tail("web1"));
    finished.json()["web1"].clone()
}

/// Where a minion keeps a file of the tree.
fn cached(fleet: &Fleet, path: &str) -> PathBuf {
    fleet.minion_root("web1").join("var/cache/salt/minion/files/base").join(path)
}

fn partial(fleet: &Fleet) -> Vec<PathBuf> {
    let folder = fleet.minion_root("web1").join("var/cache/salt/minion/partial");
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[test]
fn a_directory_comes_whole_and_follows_the_tree() {
    let fleet = one();
    for n in 0..150 {
        put(&fleet, &format!("site/d{}/f{n}", n % 7), &noise(2048, n));
    }
    put(&fleet, "site/large", &noise(3 * MIB + 17, 99));
    put(&fleet, "site/empty", b"");
    let out = fleet.dir().join("out");
    let listed = answer(&fleet, &["cp.get_dir", "salt://site", out.to_str().unwrap()]);
    assert_eq!(listed.as_array().unwrap().len(), 152);
    let same = |tree: &Path, copy: &Path| {
        let diff = Command::new("diff").arg("-r").arg(tree).arg(copy).output().unwrap();
        assert!(diff.status.success(), "{}", String::from_utf8_lossy(&diff.stdout));
    };
    same(&fleet.dir().join("srv/salt/site"), &out.join("site"));
    same(&fleet.dir().join("srv/salt/site"), &cached(&fleet, "site"));

    // One file other, one gone, one new: the copy in the cache follows.
    put(&fleet, "site/d1/f1", b"changed");
    put(&fleet, "site/d1/new", b"new");
    fs::remove_dir_all(fleet.dir().join("srv/salt/site/d2")).unwrap();
    put(&fleet, "site/d2", b"a file now");
    answer(&fleet, &["cp.cache_dir", "salt://site"]);
    assert_eq!(fs::read(cached(&fleet, "site/d1/f1")).unwrap(), b"changed");
    assert_eq!(fs::read(cached(&fleet, "site/d2")).unwrap(), b"a file now");
    same(&fleet.dir().join("srv/salt/site/d1"), &cached(&fleet, "site/d1"));
    assert_eq!(answer(&fleet, &["cp.get_file_str", "salt://site/d1/new"]), json!("new"));
    assert_eq!(answer(&fleet, &["cp.cache_file", "salt://site/none"]), json!(false));
    fs::remove_file(fleet.dir().join("srv/salt/site/d1/new")).unwrap();
    assert_eq!(answer(&fleet, &["cp.cache_file", "salt://site/d1/new"]), json!(false), "gone");
    let sum = answer(&fleet, &["cp.hash_file", "salt://site/large"]);
    assert_eq!(sum["hsum"], fleet_common::digest::hex_of_bytes("sha256", &noise(3 * MIB + 17, 99)).unwrap());
}

#[test]
fn a_recursed_tree_is_applied_repaired_and_then_left_alone() {
    let fleet = one();
    let out = fleet.dir().join("out");
    for n in 0..60 {
        put(&fleet, &format!("tree/d{}/f{n}", n % 5), &noise(500, n));
    }
    let sls = format!("{}:\n  file.recurse:\n    - source: salt://tree\n    - clean: True\n", out.display());
    put(&fleet, "site.sls", sls.as_bytes());
    let result = |returned: Value| {
        let chunk = returned.as_object().unwrap().values().next().unwrap().clone();
        (chunk["result"].clone(), chunk["changes"].as_object().unwrap().len())
    };
    assert_eq!(result(answer(&fleet, &["state.apply", "site", "test=True"])).0, Value::Null);
    assert_eq!(result(answer(&fleet, &["state.apply", "site"])).0, json!(true));
    assert_eq!(fs::read(out.join("d3/f3")).unwrap(), noise(500, 3));
    assert_eq!(result(answer(&fleet, &["state.apply", "site"])), (json!(true), 0));
    fs::write(out.join("d3/f3"), "damaged").unwrap();
    assert_eq!(result(answer(&fleet, &["state.apply", "site"])), (json!(true), 1));
    assert_eq!(fs::read(out.join("d3/f3")).unwrap(), noise(500, 3));
    put(&fleet, "tree/d3/f3", b"other");
    assert_eq!(result(answer(&fleet, &["state.apply", "site"])).1, 1, "a change on the master is seen at once");
    assert_eq!(fs::read(out.join("d3/f3")).unwrap(), b"other");
}

#[test]
fn a_large_file_goes_on_where_its_connection_was_cut() {
    let mut fleet = one();
    let (request, publish) = (Proxy::to(fleet.request_port), Proxy::to(fleet.publish_port));
    fleet.stop("web1", Signal::TERM);
    point_at(&fleet, "web1", request.port, publish.port);
    fleet.restart_minion("web1");
    fleet.wait_for(&["web1"]);
    let content = noise(24 * MIB, 5);
    put(&fleet, "big", &content);
    let before: usize = request.recorded().iter().map(Vec::len).sum();
    let mut child = fleet.ctl_command(&["web1", "cp.cache_file", "salt://big", "-t", "60"]).spawn().unwrap();
    let begun = wait_until(Duration::from_secs(60), || {
        partial(&fleet).iter().any(|part| part.metadata().is_ok_and(|meta| meta.len() > 8 * MIB as u64)).then_some(())
    });
    assert!(begun.is_some(), "{}", fleet.tail("web1"));
    request.cut();
    assert!(child.wait().unwrap().success());
    assert_eq!(fs::read(cached(&fleet, "big")).unwrap(), content);
    let passed = request.recorded().iter().map(Vec::len).sum::<usize>() - before;
    assert!(passed < content.len() + 12 * MIB, "{passed} bytes for {}", content.len());

    // The minion dies in the middle: what it has is kept by its checksum, under another name just as well.
    put(&fleet, "other", &noise(64 * MIB, 6));
    let mut child = fleet.ctl_command(&["web1", "cp.cache_file", "salt://other", "-t", "60"]).spawn().unwrap();
    let begun = wait_until(Duration::from_secs(60), || {
        partial(&fleet).iter().any(|part| part.metadata().is_ok_and(|meta| meta.len() > 8 * MIB as u64)).then_some(())
    });
    assert!(begun.is_some());
    fleet.stop("web1", Signal::KILL);
    fs::rename(fleet.dir().join("srv/salt/other"), fleet.dir().join("srv/salt/renamed")).unwrap();
    let left = partial(&fleet)[0].metadata().unwrap().len();
    assert!((4 * MIB as u64..64 * MIB as u64).contains(&left), "{left}");
    fleet.restart_minion("web1");
    fleet.wait_for(&["web1"]);
    drop(child.wait());
    let before: usize = request.recorded().iter().map(Vec::len).sum();
    answer(&fleet, &["cp.cache_file", "salt://renamed"]);
    assert_eq!(fs::read(cached(&fleet, "renamed")).unwrap(), noise(64 * MIB, 6));
    let passed = request.recorded().iter().map(Vec::len).sum::<usize>() - before;
    assert!(passed < 66 * MIB - left as usize, "{passed} bytes, {left} were there");
    assert!(partial(&fleet).is_empty());
}

#[test]
fn a_file_that_changes_under_way_comes_as_it_is_afterwards() {
    let fleet = one();
    let path = put(&fleet, "big", &noise(32 * MIB, 1));
    let mut child = fleet.ctl_command(&["web1", "cp.cache_file", "salt://big", "-t", "60"]).spawn().unwrap();
    let begun = wait_until(Duration::from_secs(60), || {
        partial(&fleet).iter().any(|part| part.metadata().is_ok_and(|meta| meta.len() > 4 * MIB as u64)).then_some(())
    });
    assert!(begun.is_some());
    let now = noise(32 * MIB, 2);
    fs::write(&path, &now).unwrap();
    assert!(child.wait().unwrap().success());
    // Half the old and half the new never gets a name.
    let got = fs::read(cached(&fleet, "big")).unwrap();
    assert!(got == now || got == noise(32 * MIB, 1));
    answer(&fleet, &["cp.cache_file", "salt://big"]);
    assert_eq!(fs::read(cached(&fleet, "big")).unwrap(), now);
    assert!(partial(&fleet).is_empty());
}

#[test]
fn several_jobs_may_want_the_same_file() {
    let fleet = one();
    let content = noise(24 * MIB, 3);
    put(&fleet, "big", &content);
    let start = || fleet.ctl_command(&["web1", "cp.cache_file", "salt://big", "-t", "60"]).spawn().unwrap();
    for mut child in [start(), start(), start(), start()] {
        assert!(child.wait().unwrap().success());
    }
    // Another process of the same machine at the same time as the daemon.
    assert_eq!(fleet.call("web1", &["cp.cache_file", "salt://big"]).status, 0);
    assert_eq!(fs::read(cached(&fleet, "big")).unwrap(), content);
    assert!(partial(&fleet).is_empty());
}

/// A small file system; gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"]).arg(at).status();
        done.is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing_half_written() {
    let mut fleet = one();
    fleet.stop("web1", Signal::TERM);
    let Some(disk) = SmallDisk::mount(&fleet.minion_root("web1").join("var/cache/salt/minion")) else {
        return skip("a_full_disk_is_told_and_leaves_nothing_half_written", "file systems cannot be mounted here");
    };
    fleet.restart_minion("web1");
    fleet.wait_for(&["web1"]);
    put(&fleet, "big", &noise(16 * MIB, 3));
    put(&fleet, "fits", &noise(3 * MIB, 3));
    for n in 0..200 {
        put(&fleet, &format!("many/f{n}"), &noise(40_000, n));
    }
    let told = run(&fleet, &["cp.cache_file", "salt://big"]);
    assert_ne!(told.status, 0);
    assert!(told.stdout.contains("No space left on device"), "{told:?}");
    let told = run(&fleet, &["cp.cache_dir", "salt://many"]);
    assert!(told.status != 0 && told.stdout.contains("No space left on device"), "{told:?}");
    for entry in fs::read_dir(disk.0.join("files/base/many")).unwrap().flatten() {
        assert_eq!(entry.metadata().unwrap().len(), 40_000, "{:?}", entry.path());
    }
    // Files that were on their way when the first failed may still come.
    let removed = || fs::remove_dir_all(disk.0.join("files")).ok();
    assert!(wait_until(Duration::from_secs(10), removed).is_some());
    assert!(answer(&fleet, &["cp.cache_file", "salt://fits"]).is_string(), "there is room again");
    fleet.stop("web1", Signal::KILL);
}

#[test]
fn no_link_and_no_name_reaches_what_is_not_served() {
    let fleet = one();
    let tree = fleet.dir().join("srv/salt");
    let pki = fleet.dir().join("master/etc/salt/pki/master");
    assert!(pki.join("master.pem").exists());
    std::os::unix::fs::symlink(pki.join("master.pem"), tree.join("key")).unwrap();
    std::os::unix::fs::symlink("../../master", tree.join("all")).unwrap();
    std::os::unix::fs::symlink("/proc/self/environ", tree.join("environ")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", tree.join("endless")).unwrap();
    assert!(Command::new("mkfifo").arg(tree.join("pipe")).status().unwrap().success());
    put(&fleet, "good/a", b"a");
    let secret = fs::read_to_string(pki.join("master.pem")).unwrap();
    let secret = secret.lines().nth(1).unwrap();
    for path in ["key", "all/etc/salt/pki/master/master.pem", "environ", "endless", "pipe", "../../master/etc/x"] {
        let told = run(&fleet, &["cp.get_file_str", &format!("salt://{path}")]);
        assert!(!told.stdout.contains(secret) && told.stdout.len() < 1000, "{path}: {told:?}");
        let told = run(&fleet, &["cp.cache_file", &format!("salt://{path}")]);
        assert!(told.stdout.len() < 1000, "{path}: {told:?}");
        assert!(!cached(&fleet, path).exists(), "{path}");
    }
    let listed = answer(&fleet, &["cp.list_master"]);
    let listed: Vec<&str> = listed.as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    assert!(listed.contains(&"good/a"), "{listed:?}");
    assert!(!listed.iter().any(|path| path.contains(".pem") || path.contains("store")), "{listed:?}");
    // Names that mean something to others are only names.
    for name in ["-rf", "a b", "ä☃", "$(id)", "x?y", "new\nline", "back\\slash", "%2e%2e"] {
        put(&fleet, &format!("odd/{name}"), name.as_bytes());
    }
    let out = fleet.dir().join("out");
    let written = answer(&fleet, &["cp.get_dir", "salt://odd", out.to_str().unwrap()]);
    assert_eq!(written.as_array().unwrap().len(), 8);
    assert_eq!(fs::read(out.join("odd/new\nline")).unwrap(), b"new\nline");
    assert_eq!(fs::read(out.join("odd/$(id)")).unwrap(), b"$(id)");
}

#[test]
fn many_minions_at_once_get_all_and_the_master_stays_small() {
    let mut fleet = Fleet::new(&FleetOptions { quiet: true, ..FleetOptions::default() });
    fleet.start_master();
    let ids = ["web1", "web2", "web3", "web4", "web5", "web6"];
    for id in ids {
        fleet.start_minion(id, "");
    }
    fleet.accept(&ids);
    fleet.wait_for(&ids);
    for n in 0..400 {
        put(&fleet, &format!("site/d{}/f{n}", n % 7), &noise(2048, n));
    }
    put(&fleet, "site/large", &noise(48 * MIB, 99));
    let finished = fleet.ctl(&["*", "cp.cache_dir", "salt://site", "--out", "json", "--static", "-t", "60"]);
    assert_eq!(finished.status, 0, "{finished:?}");
    for id in ids {
        assert_eq!(finished.json()[id].as_array().map(Vec::len), Some(401), "{id}");
        let copy = fleet.minion_root(id).join("var/cache/salt/minion/files/base/site");
        let diff = Command::new("diff").arg("-r").arg(fleet.dir().join("srv/salt/site")).arg(copy).output().unwrap();
        assert!(diff.status.success(), "{id}: {}", String::from_utf8_lossy(&diff.stdout));
    }
    // What was under way was bounded by what each may have open, not by what was asked for.
    let status = fs::read_to_string(format!("/proc/{}/status", fleet.pid("master"))).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 160 * 1024, "the master took {peak} KiB");
}
