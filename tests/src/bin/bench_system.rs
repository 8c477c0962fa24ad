//! The whole system as a person meets it: command latency, jobs a second, memory, start, loss and restart.
//!
//! `cargo run --release -p fleet-tests --bin bench_system -- [--reference BIN]`, after
//! `cargo build --release --workspace --bins`. `--reference` names the directory of the reference's programs (`salt`,
//! `salt-master`, `salt-minion`): the same figures are then measured beside ours in the same run and printed as ratios.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use fleet_common::proto::api::{JobEvent, NewJob};
use fleet_common::proto::job::{Target, TargetKind};
use fleet_master::client::Client;
use fleet_tests::harness::{Finished, Fleet, FleetOptions, wait_until};
use rustix::process::Signal;

/// Measure the system's latency, throughput and memory, beside the reference where it is given.
#[derive(Parser)]
#[command(name = "bench_system", after_help = "Example:\n  bench_system --reference ~/venv/bin --rounds 50")]
struct Options {
    /// Directory of the reference's programs.
    #[arg(long)]
    reference: Option<PathBuf>,
    /// Rounds of the command latency.
    #[arg(long, default_value_t = 50)]
    rounds: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut fleet = Fleet::new(&FleetOptions { quiet: true, ..FleetOptions::default() });
    fleet.start_master();
    fleet.start_minion("m1", "");
    fleet.accept(&["m1"]);
    fleet.wait_for(&["m1"]);
    let theirs = options.reference.as_deref().map(|bin| Reference::start(bin, options.rounds));
    let theirs = theirs.as_ref();

    let command = median(options.rounds, || fleet.ctl(&["*", "test.ping"]));
    row("'*' test.ping, whole command, 1 minion", command * 1e3, "ms", theirs.map(|t| t.command * 1e3), "<= 10 ms");
    let jobs = sequential(&fleet, Duration::from_secs(3));
    row("sequential test.ping on one API connection", jobs, "jobs/s", None, ">= 1500 jobs/s");
    std::thread::sleep(Duration::from_secs(2));
    let (minion, master) = (pss(fleet.pid("m1")), pss(fleet.pid("master")));
    row("idle minion PSS", minion, "MiB", theirs.map(|t| t.minion_pss), "<= 6 MiB");
    row("idle master PSS", master, "MiB", theirs.map(|t| t.master_pss), "<= 40 MiB");
    row(
        "minion start to first answer, key accepted",
        start_to_answer(&mut fleet) * 1e3,
        "ms",
        theirs.map(|t| t.start * 1e3),
        "<= 50 ms",
    );
    row("master killed and restarted to the answer", restart(&mut fleet) * 1e3, "ms", None, "<= 1000 ms");
    row("one killed among three, '*' test.ping", one_killed(&mut fleet) * 1e3, "ms", None, "<= 300 ms");
    row("keyctl -A -y, 1000 pending, master up", accept_thousand(&fleet) * 1e3, "ms", None, "<= 50 ms");
    ExitCode::SUCCESS
}

fn row(what: &str, ours: f64, unit: &str, theirs: Option<f64>, budget: &str) {
    let theirs = match theirs {
        Some(theirs) if unit == "jobs/s" => format!("reference {theirs:.1} {unit}, ratio {:.1}", ours / theirs),
        Some(theirs) => format!("reference {theirs:.1} {unit}, ratio {:.1}", theirs / ours),
        None => "reference not measured here".to_owned(),
    };
    println!("{what}: {ours:.1} {unit} (budget {budget}; {theirs})");
}

fn median(rounds: usize, mut run: impl FnMut() -> Finished) -> f64 {
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let finished = run();
            assert_eq!(finished.status, 0, "{finished:?}");
            finished.took.as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Jobs a second, each waited for before the next, over one connection.
fn sequential(fleet: &Fleet, time: Duration) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let socket = fleet.api_socket();
    runtime.block_on(async {
        let mut client = Client::connect(&socket).await.expect("the master listens");
        let job = NewJob::new(Target::new(TargetKind::Glob, "*"), "test.ping");
        let (start, mut done) = (Instant::now(), 0u32);
        while start.elapsed() < time {
            let mut stream = client.start(&job).await.expect("the job starts");
            while let Some(event) = stream.next().await.expect("the stream goes on") {
                if let JobEvent::Summary(summary) = event {
                    assert_eq!(summary.succeeded, 1, "{summary:?}");
                }
            }
            done += 1;
        }
        f64::from(done) / start.elapsed().as_secs_f64()
    })
}

/// Proportional set size in MiB of a process.
fn pss(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|number| number.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn start_to_answer(fleet: &mut Fleet) -> f64 {
    median_of(5, || {
        fleet.stop("m1", Signal::TERM);
        let start = Instant::now();
        fleet.restart_minion("m1");
        answered(fleet, start)
    })
}

fn restart(fleet: &mut Fleet) -> f64 {
    median_of(5, || {
        fleet.stop("master", Signal::KILL);
        let start = Instant::now();
        fleet.spawn_master();
        answered(fleet, start)
    })
}

fn median_of(rounds: usize, run: impl FnMut() -> f64) -> f64 {
    let mut times: Vec<f64> = std::iter::repeat_with(run).take(rounds).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Seconds until m1 answers, asking again and again.
fn answered(fleet: &Fleet, start: Instant) -> f64 {
    let answered = wait_until(Duration::from_secs(30), || {
        let ping = fleet.ctl(&["m1", "test.ping", "--out", "json", "--static", "-t", "1"]);
        (ping.status == 0).then(|| start.elapsed().as_secs_f64())
    });
    answered.unwrap_or_else(|| panic!("m1 does not answer:\n{}", fleet.log("master")))
}

fn one_killed(fleet: &mut Fleet) -> f64 {
    for id in ["m2", "m3"] {
        fleet.start_minion(id, "");
    }
    fleet.accept(&["m2", "m3"]);
    fleet.wait_for(&["m1", "m2", "m3"]);
    fleet.stop("m3", Signal::KILL);
    let finished = fleet.ctl(&["*", "test.ping"]);
    assert_eq!(finished.status, 3, "{finished:?}");
    finished.took.as_secs_f64()
}

fn accept_thousand(fleet: &Fleet) -> f64 {
    let pki = fleet.dir().join("master/etc/salt/pki/master");
    let key = fs::read(pki.join("minions/m1")).expect("m1's key is accepted");
    for number in 0..1000 {
        fs::write(pki.join(format!("minions_pre/p{number}")), &key).expect("a key can be written");
    }
    std::thread::sleep(Duration::from_secs(2));
    let finished = fleet.key(&["-A", "-y"]);
    assert_eq!(finished.status, 0, "{finished:?}");
    assert!(pki.join("minions/p999").exists());
    finished.took.as_secs_f64()
}

/// The reference's figures, measured in the same run.
struct Reference {
    command: f64,
    minion_pss: f64,
    master_pss: f64,
    start: f64,
}

impl Reference {
    fn start(bin: &Path, rounds: usize) -> Self {
        let dir = tempfile::Builder::new().prefix("ref").tempdir_in("/tmp").expect("a temporary directory can be made");
        let root = dir.path();
        let ports = (24505, 24506);
        let common = format!("user: root\ninterface: 127.0.0.1\npublish_port: {}\n", ports.0);
        fs::create_dir_all(root.join("srv")).expect("directories can be made");
        let master = format!("{common}ret_port: {}\nroot_dir: {}/m\nauto_accept: True\n", ports.1, root.display());
        let minion =
            format!("{common}master: 127.0.0.1\nmaster_port: {}\nid: m1\nroot_dir: {}/n\n", ports.1, root.display());
        fs::write(root.join("master"), master).expect("the configuration can be written");
        fs::write(root.join("minion"), minion).expect("the configuration can be written");
        let daemon = |name: &str| Daemon::start(&bin.join(name), root);
        let ping =
            || Finished::of(Command::new(bin.join("salt")).arg("-c").arg(root).args(["*", "test.ping", "-t", "5"]));
        let wait = |start: Instant| {
            let done = wait_until(Duration::from_secs(90), || {
                let finished = ping();
                (finished.status == 0 && finished.stdout.contains("True")).then(|| start.elapsed().as_secs_f64())
            });
            done.expect("the reference's minion answers")
        };
        let masters = daemon("salt-master");
        let first = daemon("salt-minion");
        wait(Instant::now());
        drop(first);
        // What is left of the first minion's connection is gone.
        std::thread::sleep(Duration::from_secs(2));
        let start = Instant::now();
        let minions = daemon("salt-minion");
        let started = wait(start);
        let command = median(rounds.min(15), ping);
        std::thread::sleep(Duration::from_secs(2));
        Self { command, minion_pss: minions.pss(), master_pss: masters.pss(), start: started }
    }
}

/// A program of the reference with all its processes.
struct Daemon {
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

    fn pids(&self) -> Vec<u32> {
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

    fn pss(&self) -> f64 {
        self.pids().into_iter().map(pss).sum()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        for pid in self.pids() {
            if let Some(pid) = rustix::process::Pid::from_raw(pid as i32) {
                let _ = rustix::process::kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
