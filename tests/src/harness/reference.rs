//! A master and a minion of the reference, to be measured beside ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::process::{Finished, wait_until};

const PORTS: (u16, u16) = (24505, 24506);

/// A program of the reference with all its processes; ended when dropped.
pub struct Daemon {
    child: Child,
    marker: String,
}

impl Daemon {
    fn start(program: &Path, config: &Path) -> Self {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(program);
        command
            .arg("-c")
            .arg(config)
            .args(["-l", "quiet"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.process_group(0).spawn().expect("the reference's program starts");
        Self { marker: program.display().to_string(), child }
    }

    /// Its processes.
    pub fn pids(&self) -> Vec<u32> {
        let all = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        all.filter(|pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&self.marker)
        })
        .collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        for pid in self.pids() {
            if let Some(pid) = Pid::from_raw(pid as i32) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A master and its minion `m1` of the reference in a directory of their own.
pub struct Reference {
    bin: PathBuf,
    dir: tempfile::TempDir,
    /// The master.
    pub master: Daemon,
    /// The minion.
    pub minion: Daemon,
    /// Seconds from the minion's start to its answer.
    pub started: f64,
}

impl Reference {
    /// Starts both programs of the directory `bin` and waits for the minion's answer, twice: the first start makes keys.
    pub fn start(bin: &Path) -> Self {
        let dir = tempfile::Builder::new().prefix("ref").tempdir_in("/tmp").expect("a temporary directory can be made");
        let root = dir.path();
        let common = format!("user: root\ninterface: 127.0.0.1\npublish_port: {}\n", PORTS.0);
        for folder in ["salt", "pillar"] {
            fs::create_dir_all(root.join(folder)).expect("directories can be made");
        }
        let master = format!(
            "{common}ret_port: {}\nroot_dir: {root}/m\nauto_accept: True\nfile_roots: {{base: [{root}/salt]}}\n\
             pillar_roots: {{base: [{root}/pillar]}}\n",
            PORTS.1,
            root = root.display()
        );
        let minion =
            format!("{common}master: 127.0.0.1\nmaster_port: {}\nid: m1\nroot_dir: {}/n\n", PORTS.1, root.display());
        fs::write(root.join("master"), master).expect("the configuration can be written");
        fs::write(root.join("minion"), minion).expect("the configuration can be written");
        let daemon = |name: &str| Daemon::start(&bin.join(name), root);
        let wait = |start: Instant| {
            let done = wait_until(Duration::from_secs(90), || {
                let finished = salt(bin, root, &["*", "test.ping", "-t", "5"]);
                (finished.status == 0 && finished.stdout.contains("True")).then(|| start.elapsed().as_secs_f64())
            });
            done.expect("the reference's minion answers")
        };
        let master = daemon("salt-master");
        let first = daemon("salt-minion");
        wait(Instant::now());
        drop(first);
        // What is left of the first minion's connection is gone.
        std::thread::sleep(Duration::from_secs(2));
        let start = Instant::now();
        let minion = daemon("salt-minion");
        let started = wait(start);
        Self { bin: bin.to_owned(), dir, master, minion, started }
    }

    /// Where its trees are (`salt`, `pillar`) and its minion's `root_dir` (`n`).
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs `salt`.
    pub fn ctl(&self, args: &[&str]) -> Finished {
        salt(&self.bin, self.dir.path(), args)
    }
}

fn salt(bin: &Path, config: &Path, args: &[&str]) -> Finished {
    Finished::of(Command::new(bin.join("salt")).arg("-c").arg(config).args(args))
}
