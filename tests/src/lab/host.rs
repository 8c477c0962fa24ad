//! One host: a root file system over the image, started by systemd-nspawn.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::cache::Image;
use super::fault::Fault;
use super::place::Place;
use super::run::run;
use super::{cgroup, network};
use crate::harness::{Finished, program, wait_until};

/// How long a host may take to start.
const BOOT: Duration = Duration::from_secs(60);
/// How long one command on a host may take, in seconds.
const COMMAND: &str = "120";
const UNIT: &str = include_str!("../../../dist/systemd/saltminion.service");

/// A running host.
pub struct Host {
    /// Its name, which is also its minion's id.
    pub name: String,
    /// Its address in the lab's network.
    pub address: Ipv4Addr,
    /// Its network namespace.
    pub namespace: String,
    root: PathBuf,
    container: Child,
    /// Process 1 of the host, as the machine numbers it; 0 until it is known.
    leader: u32,
}

impl Host {
    /// Lays a host out and starts it; `config` is its minion's configuration.
    pub fn start(place: &Place, image: &Image, name: &str, index: usize, config: &str) -> Result<Self, Fault> {
        let address = network::join(place, name, index)?;
        let dir = place.dir().join(name);
        let root = lay(&dir, image)?;
        furnish(&root, name, config)?;
        let namespace = place.namespace(name);
        let log = fs::File::create(dir.join("console.log")).map_err(Fault::file(&dir))?;
        let errors = log.try_clone().map_err(Fault::file(&dir))?;
        let bind = |from: &Path, to: &str| format!("--bind-ro={}:{to}", from.display());
        // Containers in one cgroup would take each other's services for their own.
        let groups = cgroup::make(&namespace)?;
        let mut command = Command::new("sh");
        // The kernel's settings of the host's own network are its own to change.
        command.env("SYSTEMD_NSPAWN_API_VFS_WRITABLE", "network");
        command.args(["-c", "for g in $0; do echo $$ >$g/cgroup.procs; done; exec systemd-nspawn \"$@\"", &groups]);
        command.args([
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--resolv-conf=off",
            "--timezone=off",
            // Packet filters and addresses of the host's own network.
            "--capability=CAP_NET_ADMIN",
            "--link-journal=no",
        ]);
        command.arg("-D").arg(&root).arg(format!("--machine={namespace}")).arg(format!("--hostname={name}"));
        command.arg(format!("--network-namespace-path=/run/netns/{namespace}"));
        command.arg(bind(&image.packages(), "/srv/packages"));
        for name in ["saltminion", "saltcall"] {
            command.arg(bind(&program(name), &format!("/usr/local/bin/{name}")));
        }
        command.args(["--console=pipe", "-b"]);
        command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
        let started = command
            .spawn()
            .map_err(|error| Fault::Program { command: "systemd-nspawn".to_owned(), why: error.to_string() });
        Ok(Self { name: name.to_owned(), address, namespace, root, container: started?, leader: 0 })
    }

    /// Waits until all of the host's units are up.
    pub fn wait_until_up(&mut self) -> Result<(), Fault> {
        let up = wait_until(BOOT, || {
            if self.leader == 0 {
                self.leader = first_process(self.container.id())?;
            }
            let said = self.shell("systemctl is-system-running");
            let over = matches!(self.container.try_wait(), Ok(Some(_)));
            (over || matches!(said.stdout.trim(), "running" | "degraded")).then_some(!over)
        });
        if up == Some(true) {
            return Ok(());
        }
        let log = fs::read_to_string(self.root.with_file_name("console.log")).unwrap_or_default();
        let failed =
            if self.leader == 0 { String::new() } else { self.shell("systemctl --failed; systemctl list-jobs").stdout };
        Err(Fault::Host { host: self.name.clone(), what: format!("did not start:\n{log}\n{failed}") })
    }

    /// Runs a line of shell on the host, as root, with an environment of its own.
    pub fn shell(&self, line: &str) -> Finished {
        Finished::of(&mut self.command(line))
    }

    /// A line of shell on the host, ready to run.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.leader.to_string(), "-m", "-u", "-i", "-n", "-p"]);
        command.args(["timeout", COMMAND, "sh", "-ec", line]).env_clear().stdin(Stdio::null());
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", "/root");
        command
    }

    /// As [`Host::shell`]; a fault when the line fails.
    pub fn must(&self, line: &str) -> Result<String, Fault> {
        let finished = self.shell(line);
        if finished.status == 0 {
            return Ok(finished.stdout);
        }
        let what = format!("`{line}` ended with status {}:\n{}{}", finished.status, finished.stdout, finished.stderr);
        Err(Fault::Host { host: self.name.clone(), what })
    }

    /// Waits until a line of shell succeeds.
    pub fn wait_for(&self, line: &str, time: Duration) -> Result<(), Fault> {
        match wait_until(time, || (self.shell(line).status == 0).then_some(())) {
            Some(()) => Ok(()),
            None => self.must(line).map(drop),
        }
    }

    /// Names, kinds, sizes, owners, modes and times of all files, apart from logs, caches and what the system and
    /// its servers keep writing by themselves. Two equal ones: nothing was changed in between.
    pub fn files(&self) -> String {
        const APART: &str = "-path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./var/log \
                             -o -path ./var/cache -o -path ./var/tmp -o -path ./var/lib/systemd -o -path ./var/lib/apt/lists \
                             -o -path ./srv/packages \
                             -o -path ./var/lib/mysql -o -path ./var/lib/postgresql";
        self.shell(&format!("cd / && find . \\( {APART} \\) -prune -o -printf '%p %y %s %U:%G %m %T@ %l\\n' | sort"))
            .stdout
    }

    /// The command line that opens a shell on the host.
    pub fn enter(&self) -> String {
        format!("nsenter -t {} -m -u -i -n -p", self.leader)
    }

    /// The last lines that the minion wrote on the host.
    pub fn minion_log(&self) -> String {
        self.shell("journalctl -u saltminion -n 40 --no-pager -o cat").stdout
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _gone = self.container.kill();
        let _ended = self.container.wait();
        cgroup::clear(&self.namespace);
    }
}

/// The root file system: the image below, what the host writes above it; a copy where that cannot be had.
fn lay(dir: &Path, image: &Image) -> Result<PathBuf, Fault> {
    let root = dir.join("root");
    for folder in ["upper", "work", "root"] {
        fs::create_dir_all(dir.join(folder)).map_err(Fault::file(dir))?;
    }
    let (below, dir) = (image.root(), dir.display());
    let options = format!("lowerdir={},upperdir={dir}/upper,workdir={dir}/work", below.display());
    let (target, source) = (root.to_string_lossy().into_owned(), format!("{}/.", below.display()));
    if run("mount", &["-t", "overlay", "overlay", "-o", &options, &target]).is_err() {
        run("cp", &["-a", "--reflink=auto", &source, &target])?;
    }
    Ok(root)
}

/// What makes this host another than the image: its name, and the minion as a unit that starts with it.
fn furnish(root: &Path, name: &str, config: &str) -> Result<(), Fault> {
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        let folder = path.parent().unwrap_or(root);
        fs::create_dir_all(folder).map_err(Fault::file(folder))?;
        fs::write(&path, text).map_err(Fault::file(&path))
    };
    write("etc/hostname", &format!("{name}\n"))?;
    write("etc/hosts", &format!("127.0.0.1 localhost\n127.0.1.1 {name}\n"))?;
    write("etc/salt/minion", config)?;
    write("etc/systemd/system/saltminion.service", UNIT)?;
    let wants = root.join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants).map_err(Fault::file(&wants))?;
    symlink("../saltminion.service", wants.join("saltminion.service")).map_err(Fault::file(&wants))?;
    Ok(())
}

/// The child of a container's process that is process 1 inside, once it is: helpers come and go before it.
fn first_process(container: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{container}/task/{container}/children")).ok()?;
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(|pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
        numbers.split_whitespace().next_back() == Some("1")
    })
}
