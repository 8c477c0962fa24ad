//! A lab's number, and everything on the machine that carries it.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};

use super::cgroup;
use super::fault::Fault;
use super::run::{run, try_run};

/// Directory of all labs of a machine.
const BASE: &str = "/run/fleet-lab";
/// Labs of a machine at once.
const MOST: u8 = 200;

/// A number that no other lab of this machine has as long as this lives.
#[derive(Debug)]
pub struct Place {
    number: u8,
    _lock: File,
}

impl Place {
    /// Takes the first free number whose subnet is free too; what a dead lab left under a number is cleared first.
    pub fn take() -> Result<Self, Fault> {
        fs::create_dir_all(BASE).map_err(Fault::file(BASE))?;
        let routes = run("ip", &["-4", "route", "show", "table", "all"])?;
        let mut found = None;
        for number in 1..=MOST {
            let path = Path::new(BASE).join(format!("{number}.lock"));
            if found.is_some() && !path.exists() {
                continue;
            }
            let lock =
                File::options().create(true).truncate(false).write(true).open(&path).map_err(Fault::file(&path))?;
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
                continue;
            }
            clear(number);
            if found.is_none() && !taken(number, &routes) {
                found = Some(Self { number, _lock: lock });
            }
        }
        found
            .ok_or_else(|| Fault::Wrong(format!("all {MOST} numbers of labs are taken, or their subnets 10.77.x.0/24")))
    }

    /// The number.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// Where everything of the lab is.
    pub fn dir(&self) -> PathBuf {
        dir(self.number)
    }

    /// The lab's bridge.
    pub fn bridge(&self) -> String {
        bridge(self.number)
    }

    /// The network namespace of a host.
    pub fn namespace(&self, host: &str) -> String {
        format!("{}{host}", namespace_prefix(self.number))
    }

    /// The interface of a host on the bridge.
    pub fn interface(&self, index: usize) -> String {
        format!("fleetlab{}h{index}", self.number)
    }

    /// An address in the lab's network; the machine itself has the first.
    pub fn address(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.number, last)
    }
}

fn dir(number: u8) -> PathBuf {
    Path::new(BASE).join(number.to_string())
}

fn bridge(number: u8) -> String {
    format!("fleetlab{number}")
}

fn namespace_prefix(number: u8) -> String {
    format!("fleetlab{number}-")
}

/// True if the machine has a route into the lab's subnet; the leftovers of a lab are gone by now.
fn taken(number: u8, routes: &str) -> bool {
    let subnet = ipnet::Ipv4Net::new_assert(Ipv4Addr::new(10, 77, number, 0), 24);
    routes.lines().flat_map(str::split_whitespace).any(|word| {
        let net =
            word.parse::<ipnet::Ipv4Net>().ok().or_else(|| word.parse::<Ipv4Addr>().ok().map(ipnet::Ipv4Net::from));
        net.is_some_and(|net| net.prefix_len() > 0 && (net.contains(&subnet) || subnet.contains(&net)))
    })
}

/// Ends everything that carries a number: processes, mounts, namespaces, interfaces, files. May be called at any time
/// and again.
pub fn clear(number: u8) {
    let dir = dir(number);
    end_processes(&dir);
    cgroup::clear(&namespace_prefix(number));
    if dir.is_dir() {
        let dir = dir.to_string_lossy().into_owned();
        if mounted(&dir) && run("umount", &["-R", &dir]).is_err() {
            try_run("umount", &["-R", "-l", &dir]);
        }
        if !mounted(&dir)
            && let Err(error) = fs::remove_dir_all(&dir)
        {
            eprintln!("lab: {dir}: {error}");
        }
    }
    let bridge = bridge(number);
    for line in run("ip", &["-o", "link", "show"]).unwrap_or_default().lines() {
        let name = line.split([' ', '@']).nth(1).unwrap_or_default().trim_end_matches(':');
        if name.starts_with(&format!("{bridge}h")) {
            try_run("ip", &["link", "del", name]);
        }
    }
    for namespace in run("ip", &["netns", "list"]).unwrap_or_default().lines() {
        let name = namespace.split(' ').next().unwrap_or_default();
        if name.starts_with(&namespace_prefix(number)) {
            try_run("ip", &["netns", "del", name]);
        }
    }
    forget(&namespace_prefix(number));
    if Path::new("/sys/class/net").join(&bridge).exists() {
        try_run("ip", &["link", "del", &bridge]);
    }
}

/// Removes what systemd-nspawn keeps of containers that were killed: it would not start another one of that name.
fn forget(prefix: &str) {
    for entry in fs::read_dir("/run/systemd/nspawn/propagate").into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            let _kept = fs::remove_dir_all(entry.path());
        }
    }
}

fn mounted(dir: &str) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts.lines().filter_map(|line| line.split(' ').nth(1)).any(|point| point == dir)
}

/// Ends the lab's master, commands and container managers, but not this process.
fn end_processes(dir: &Path) {
    for _ in 0..50 {
        let pids = processes(dir);
        if pids.is_empty() {
            return;
        }
        for pid in pids {
            let _gone = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    eprintln!("lab: processes below {} do not end", dir.display());
}

/// Processes of this machine whose command line names something below a directory.
fn processes(dir: &Path) -> Vec<Pid> {
    let needle = format!("{}/", dir.display());
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == own || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(&needle) {
            found.extend(name.parse().ok().and_then(Pid::from_raw));
        }
    }
    found
}
