//! Control groups: each host has one of its own in every hierarchy that systemd uses, and ends with all that is in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::fault::Fault;

/// Roots of the hierarchies that systemd uses: the old one with names and its companion, or the one of newer machines.
const ROOTS: &[&str] = &["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"];

fn roots() -> impl Iterator<Item = &'static Path> {
    ROOTS.iter().map(Path::new).filter(|root| root.join("cgroup.procs").exists())
}

/// Makes a group in each hierarchy; their paths, separated by blanks.
pub fn make(name: &str) -> Result<String, Fault> {
    let mut made = Vec::new();
    for root in roots() {
        let group = root.join(name);
        fs::create_dir_all(&group).map_err(Fault::file(&group))?;
        made.push(group.display().to_string());
    }
    Ok(made.join(" "))
}

/// Ends all processes in groups whose names start with this, and removes the groups.
pub fn clear(prefix: &str) {
    for root in roots() {
        let entries = fs::read_dir(root).into_iter().flatten().flatten();
        for group in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
            end(&group.path());
        }
    }
}

fn end(group: &Path) {
    let groups = below(group);
    for _ in 0..100 {
        let pids: Vec<i32> = groups.iter().flat_map(|group| processes(group)).collect();
        if pids.is_empty() {
            break;
        }
        for pid in pids.into_iter().filter_map(Pid::from_raw) {
            let _gone = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // The innermost first; one that is not empty stays and is told.
    for group in groups.iter().rev() {
        if let Err(error) = fs::remove_dir(group) {
            eprintln!("lab: {}: {error}", group.display());
        }
    }
}

/// A group and all groups in it, each before those in it.
fn below(group: &Path) -> Vec<PathBuf> {
    let mut all = vec![group.to_owned()];
    let mut next = 0;
    while let Some(group) = all.get(next) {
        let inner = fs::read_dir(group).into_iter().flatten().flatten().map(|entry| entry.path());
        let inner: Vec<PathBuf> = inner.filter(|path| path.is_dir()).collect();
        all.extend(inner);
        next += 1;
    }
    all
}

fn processes(group: &Path) -> Vec<i32> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}
