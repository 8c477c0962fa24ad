//! The whole system as a person meets it: command latency, jobs a second, memory, start, loss and restart.
//!
//! `cargo run --release -p fleet-tests --bin bench_system -- [--reference BIN]`, after
//! `cargo build --release --workspace --bins`. `--reference` names the directory of the reference's programs (`salt`,
//! `salt-master`, `salt-minion`): the same figures are then measured beside ours in the same run and printed as ratios.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use fleet_common::proto::api::{JobEvent, NewJob};
use fleet_common::proto::job::{Target, TargetKind};
use fleet_master::client::Client;
use fleet_tests::harness::{Finished, Fleet, FleetOptions, Reference, wait_until};
use rustix::process::Signal;

/// After this a minion without jobs has let go of what only work needs, and beaten twice more.
const UNTIL_IDLE: Duration = Duration::from_secs(45);

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
    let theirs = options.reference.as_deref().map(|bin| Theirs::measure(bin, options.rounds));
    let theirs = theirs.as_ref();

    let command = median(options.rounds, || fleet.ctl(&["*", "test.ping"]));
    row("'*' test.ping, whole command, 1 minion", command * 1e3, "ms", theirs.map(|t| t.command * 1e3), "<= 10 ms");
    let jobs = sequential(&fleet, Duration::from_secs(3));
    row("sequential test.ping on one API connection", jobs, "jobs/s", None, ">= 1500 jobs/s");
    std::thread::sleep(UNTIL_IDLE);
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
struct Theirs {
    command: f64,
    minion_pss: f64,
    master_pss: f64,
    start: f64,
}

impl Theirs {
    fn measure(bin: &Path, rounds: usize) -> Self {
        let reference = Reference::start(bin);
        let command = median(rounds.min(15), || reference.ctl(&["*", "test.ping", "-t", "5"]));
        std::thread::sleep(Duration::from_secs(2));
        let all = |pids: Vec<u32>| pids.into_iter().map(pss).sum();
        let (minion_pss, master_pss) = (all(reference.minion.pids()), all(reference.master.pids()));
        Self { command, minion_pss, master_pss, start: reference.started }
    }
}
