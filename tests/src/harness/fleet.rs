//! One master and any number of minions, each a process with its own directory.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::account;
use super::process::{Finished, program, wait_until};

/// How a fleet differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct FleetOptions {
    /// Lines added to the master's configuration.
    pub master_config: String,
    /// Directory of state files; the fleet's own empty one when not given.
    pub states: Option<PathBuf>,
    /// Daemons log warnings only, as in normal use, instead of everything.
    pub quiet: bool,
    /// Directory of pillar files; the fleet's own empty one when not given.
    pub pillar: Option<PathBuf>,
    /// Runs the minions in a network of their own.
    pub network: Option<Network>,
}

/// Where the minions of a fleet run, when not on the master's own loopback interface.
#[derive(Debug, Clone)]
pub struct Network {
    /// The master's address, seen from there.
    pub master: String,
    /// The network namespace, as `ip netns` knows it.
    pub namespace: String,
}

/// A master and its minions.
pub struct Fleet {
    dir: PathBuf,
    keep: bool,
    /// Port of the publish socket.
    pub publish_port: u16,
    /// Port of the request socket.
    pub request_port: u16,
    network: Option<Network>,
    die_at: Option<(&'static str, Signal)>,
    quiet: bool,
    /// Programs of a master that runs as another account.
    nobodys: Option<PathBuf>,
    /// How often a master was started: its log says as often that it is ready.
    starts: usize,
    master: Option<Child>,
    minions: BTreeMap<String, Child>,
}

/// How long a daemon may take to get ready before a test fails.
const READY: Duration = Duration::from_secs(20);

impl Fleet {
    /// Lays the directories and the master's configuration out; nothing runs yet.
    pub fn new(options: &FleetOptions) -> Self {
        let dir =
            tempfile::Builder::new().prefix("fleet-").tempdir().expect("a temporary directory can be made").keep();
        Self::in_dir(dir, options)
    }

    /// As [`Fleet::new`], in a given directory.
    pub fn in_dir(dir: PathBuf, options: &FleetOptions) -> Self {
        let (publish_port, request_port) = free_ports();
        let (keep, die_at, master, minions) = (false, None, None, BTreeMap::new());
        let (quiet, network, starts, nobodys) = (options.quiet, options.network.clone(), 0, None);
        let fleet =
            Self { dir, keep, publish_port, request_port, network, die_at, quiet, nobodys, starts, master, minions };
        let states = options.states.clone().unwrap_or_else(|| fleet.dir.join("srv/salt"));
        let pillar = options.pillar.clone().unwrap_or_else(|| fleet.dir.join("srv/pillar"));
        for folder in [&states, &pillar, &fleet.master_config_dir()] {
            fs::create_dir_all(folder).expect("directories can be made");
        }
        let config = format!(
            "interface: {}\npublish_port: {publish_port}\nret_port: {request_port}\nroot_dir: {}\n\
             file_roots:\n  base:\n    - {}\npillar_roots:\n  base:\n    - {}\n{}\n",
            fleet.address(),
            fleet.dir.join("master").display(),
            states.display(),
            pillar.display(),
            options.master_config,
        );
        fs::write(fleet.master_config_dir().join("master"), config).expect("the configuration can be written");
        fleet
    }

    /// The fleet's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Directory of the master's configuration.
    pub fn master_config_dir(&self) -> PathBuf {
        self.dir.join("etc-master")
    }

    /// The socket of the master's API.
    pub fn api_socket(&self) -> PathBuf {
        self.dir.join("master/var/run/salt/master/api.sock")
    }

    /// Directory of a minion's configuration.
    pub fn minion_config_dir(&self, id: &str) -> PathBuf {
        self.dir.join("etc-minions").join(id)
    }

    /// A minion's `root_dir`.
    pub fn minion_root(&self, id: &str) -> PathBuf {
        self.dir.join("minions").join(id)
    }

    /// Where a daemon's keys lie (`master` or a minion's id).
    pub fn pki_dir(&self, who: &str) -> PathBuf {
        let (root, kind) = match who {
            "master" => (self.dir.join("master"), "master"),
            minion => (self.minion_root(minion), "minion"),
        };
        root.join("etc/salt/pki").join(kind)
    }

    /// Masters started from now on run as the account of `harness::account`, from programs that it may read.
    pub fn master_as_nobody(&mut self, programs: PathBuf) {
        self.nobodys = Some(programs);
    }

    /// Leaves everything running and on disk when dropped.
    pub fn keep(&mut self) {
        self.keep = true;
    }

    /// Starts the master and waits until it answers on its socket.
    pub fn start_master(&mut self) {
        self.spawn_master();
        let said = || self.quiet || self.log("master").matches("master ready").count() >= self.starts;
        let ready =
            wait_until(READY, || (self.key(&["-L"]).status == 0 && self.master_listens() && said()).then_some(()));
        assert!(ready.is_some(), "the master is not ready:\n{}", self.tail("master"));
    }

    /// Starts the master and returns at once.
    pub fn spawn_master(&mut self) {
        let child = self.daemon("saltmaster", &self.master_config_dir(), "master");
        self.starts += 1;
        self.master = Some(child);
    }

    /// Where the master listens.
    fn address(&self) -> &str {
        self.network.as_ref().map_or("127.0.0.1", |network| &network.master)
    }

    fn master_listens(&self) -> bool {
        std::net::TcpStream::connect((self.address(), self.request_port)).is_ok()
    }

    /// Masters started from now on die at this point of their work (see `fleet_common::fault`).
    pub fn die_at(&mut self, point: &'static str) {
        self.die_at = Some((point, Signal::KILL));
    }

    /// Masters and minions started from now on freeze at this point of their work.
    pub fn stop_at(&mut self, point: &'static str) {
        self.die_at = Some((point, Signal::STOP));
    }

    /// Those started from now on neither die nor freeze.
    pub fn die_nowhere(&mut self) {
        self.die_at = None;
    }

    /// True while a daemon runs (or is stopped by a signal).
    pub fn lives(&mut self, who: &str) -> bool {
        let child = if who == "master" { self.master.as_mut() } else { self.minions.get_mut(who) };
        child.is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// The file that says by how many milliseconds a daemon's clock was stepped (`master` or a minion's id).
    pub fn clock_path(&self, who: &str) -> PathBuf {
        self.dir.join(format!("clock-{who}"))
    }

    /// True while the process of a daemon is there and no leftover.
    pub fn runs(&self, who: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid(who))).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
    }

    /// True when a daemon ended by itself.
    pub fn ended(&mut self, who: &str) -> bool {
        let child = if who == "master" { self.master.as_mut() } else { self.minions.get_mut(who) };
        let child = child.unwrap_or_else(|| panic!("{who} was not started"));
        wait_until(Duration::from_secs(5), || matches!(child.try_wait(), Ok(Some(_))).then_some(())).is_some()
    }

    /// True when the master has said that this minion's session is open since its last start.
    pub fn connected(&self, id: &str) -> bool {
        let log = self.log("master");
        let start = log.rfind("master ready").unwrap_or(0);
        log[start..].lines().any(|line| line.contains("session opened") && line.contains(id))
    }

    /// Starts a minion with further configuration lines and returns at once.
    pub fn start_minion(&mut self, id: &str, config: &str) {
        self.configure_minion(id, self.request_port, self.publish_port, config);
        self.restart_minion(id);
    }

    /// Writes a minion's configuration, with the ports at which it finds its master; nothing is started.
    pub fn configure_minion(&self, id: &str, request_port: u16, publish_port: u16, config: &str) {
        let folder = self.minion_config_dir(id);
        fs::create_dir_all(&folder).expect("directories can be made");
        let text = format!(
            "id: {id}\nmaster: {}\nmaster_port: {request_port}\npublish_port: {publish_port}\nroot_dir: {}\n{config}\n",
            self.address(),
            self.minion_root(id).display(),
        );
        fs::write(folder.join("minion"), text).expect("the configuration can be written");
    }

    /// Starts a minion again whose configuration is there.
    pub fn restart_minion(&mut self, id: &str) {
        let child = self.daemon("saltminion", &self.minion_config_dir(id), id);
        self.minions.insert(id.to_owned(), child);
    }

    fn daemon(&self, name: &str, config: &Path, log: &str) -> Child {
        let file =
            fs::OpenOptions::new().create(true).append(true).open(self.log_path(log)).expect("a log can be opened");
        let copy = file.try_clone().expect("a log can be shared");
        let mut command = match &self.network {
            _ if log == "master" && self.nobodys.is_some() => {
                account::nobodys(&self.nobodys.as_ref().map(|bin| bin.join(name)).unwrap_or_default())
            }
            Some(network) if log != "master" => {
                // Becomes the program, with the same process id.
                let mut command = Command::new("ip");
                command.args(["netns", "exec", &network.namespace]).arg(program(name));
                command
            }
            _ => Command::new(program(name)),
        };
        command.arg("-c").arg(config).args(["-l", if self.quiet { "warning" } else { "debug" }]).env("NO_COLOR", "1");
        command.env("FLEET_CLOCK", self.clock_path(log));
        if let Some((point, signal)) = self.die_at.filter(|(at, _)| at.starts_with("minion.") == (log != "master")) {
            command.env(if signal == Signal::STOP { "FLEET_STOP_AT" } else { "FLEET_DIE_AT" }, point);
        }
        command.stdin(Stdio::null()).stdout(file).stderr(copy).process_group(0);
        command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"))
    }

    fn log_path(&self, who: &str) -> PathBuf {
        self.dir.join(format!("{who}.log"))
    }

    /// What a daemon logged so far (`master` or a minion's id).
    pub fn log(&self, who: &str) -> String {
        fs::read_to_string(self.log_path(who)).unwrap_or_default()
    }

    /// The last lines of a daemon's log, for the message of a failed test.
    pub fn tail(&self, who: &str) -> String {
        let log = self.log(who);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Waits until the keys of these minions are there, then accepts all.
    pub fn accept(&self, ids: &[&str]) {
        self.wait_for_keys(ids);
        let accepted = self.key(&["-A", "-y"]);
        assert_eq!(accepted.status, 0, "{accepted:?}");
    }

    /// Waits until the keys of these minions are there.
    pub fn wait_for_keys(&self, ids: &[&str]) {
        let all = wait_until(READY, || {
            let listed = self.key(&["-L", "--out", "json"]);
            ids.iter().all(|id| listed.stdout.contains(&format!("\"{id}\""))).then_some(())
        });
        assert!(all.is_some(), "keys of {ids:?} did not come:\n{}\n{}", self.key(&["-L"]).stdout, self.tail(ids[0]));
    }

    /// Waits until these minions answer a ping.
    pub fn wait_for(&self, ids: &[&str]) {
        let answered = wait_until(READY, || {
            let ping = self.ctl(&["-L", &ids.join(","), "test.ping", "--out", "json", "--static", "-t", "1"]);
            (ping.status == 0).then_some(())
        });
        assert!(answered.is_some(), "{ids:?} do not answer:\n{}\n{}", self.log("master"), self.tail(ids[0]));
    }

    /// `saltctl` with the fleet's configuration, ready to run.
    pub fn ctl_command(&self, args: &[&str]) -> Command {
        self.command("saltctl", &self.master_config_dir(), args)
    }

    /// Runs `saltctl`.
    pub fn ctl(&self, args: &[&str]) -> Finished {
        Finished::of(&mut self.ctl_command(args))
    }

    /// Runs `keyctl`.
    pub fn key(&self, args: &[&str]) -> Finished {
        Finished::of(&mut self.command("keyctl", &self.master_config_dir(), args))
    }

    /// Runs `saltrun`.
    pub fn run(&self, args: &[&str]) -> Finished {
        Finished::of(&mut self.command("saltrun", &self.master_config_dir(), args))
    }

    /// Runs `saltcall` as a minion.
    pub fn call(&self, id: &str, args: &[&str]) -> Finished {
        Finished::of(&mut self.command("saltcall", &self.minion_config_dir(id), args))
    }

    fn command(&self, name: &str, config: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program(name));
        command.arg("-c").arg(config).args(args).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Process id of the master (`master`) or of a minion.
    pub fn pid(&self, who: &str) -> u32 {
        let child = if who == "master" { self.master.as_ref() } else { self.minions.get(who) };
        child.unwrap_or_else(|| panic!("{who} does not run")).id()
    }

    /// Sends a signal to a daemon.
    pub fn signal(&self, who: &str, signal: Signal) {
        let pid = Pid::from_raw(self.pid(who) as i32).expect("a process id is not zero");
        kill_process(pid, signal).unwrap_or_else(|error| panic!("{who}: {error}"));
    }

    /// Kills a daemon, should it still live, and forgets it.
    pub fn kill(&mut self, who: &str) {
        let child = if who == "master" { self.master.take() } else { self.minions.remove(who) };
        if let Some(mut child) = child {
            // One that is gone already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends a daemon with a signal and waits for its end.
    pub fn stop(&mut self, who: &str, signal: Signal) {
        self.signal(who, signal);
        let child = if who == "master" { self.master.take() } else { self.minions.remove(who) };
        if let Some(mut child) = child {
            child.wait().expect("a child can be waited for");
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        for child in self.minions.values_mut().chain(self.master.as_mut()) {
            if let Some(pid) = Pid::from_raw(child.id() as i32) {
                // A stopped process only sees SIGKILL; its workers are in groups of their own that end with their socket.
                let _ = kill_process_group(pid, Signal::KILL);
            }
            let _ = child.wait();
        }
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// Two free ports; another program may take them in between, then the daemon says so.
fn free_ports() -> (u16, u16) {
    let bind = || TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let (one, two) = (bind(), bind());
    let port = |listener: &TcpListener| listener.local_addr().expect("a bound socket has an address").port();
    (port(&one), port(&two))
}
