//! Jobs of one real minion: sequential pings on one API connection, and the whole `saltctl` command.
//!
//! Run the release build: `cargo run --release -p fleet-tests --bin bench_jobs` after `cargo build --release --bins`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use fleet_common::proto::api::{JobEvent, NewJob};
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::value::Map;
use fleet_master::client::{Client, ClientError};
use fleet_tests::harness::{Fleet, FleetOptions};

/// Measure pings of one minion through a real master.
#[derive(Parser)]
#[command(name = "bench_jobs", after_help = "Example:\n  bench_jobs --jobs 5000 --commands 50")]
struct Options {
    /// Sequential jobs on one connection.
    #[arg(long, default_value_t = 5000)]
    jobs: u32,
    /// Runs of the whole command.
    #[arg(long, default_value_t = 50)]
    commands: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut fleet = Fleet::new(&FleetOptions { master_config: "auto_accept: True".into(), ..FleetOptions::default() });
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.wait_for(&["web1"]);
    let socket = fleet.dir().join("master/var/run/salt/master/api.sock");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let times = match runtime.block_on(sequential(&socket, options.jobs)) {
        Ok(times) => times,
        Err(error) => {
            eprintln!("bench_jobs: {error}");
            return ExitCode::FAILURE;
        }
    };
    let all: Duration = times.iter().sum();
    println!(
        "sequential test.ping on one connection: {:.0} jobs/s (median {:.0} us, p99 {:.0} us; budget 1,500 jobs/s)",
        f64::from(options.jobs) / all.as_secs_f64(),
        at(&times, 0.5).as_secs_f64() * 1e6,
        at(&times, 0.99).as_secs_f64() * 1e6,
    );
    let mut commands: Vec<Duration> = (0..options.commands).map(|_| fleet.ctl(&["*", "test.ping"]).took).collect();
    commands.sort();
    println!(
        "saltctl '*' test.ping, whole command: median {:.1} ms (budget 10 ms)",
        at(&commands, 0.5).as_secs_f64() * 1e3
    );
    ExitCode::SUCCESS
}

/// The time of each job, sorted.
async fn sequential(socket: &std::path::Path, jobs: u32) -> Result<Vec<Duration>, ClientError> {
    let mut client = Client::connect(socket).await?;
    let job = NewJob {
        target: Target::new(TargetKind::Glob, "*"),
        fun: "test.ping".to_owned(),
        arg: Vec::new(),
        kwarg: Map::new(),
        timeout: None,
        ttl: None,
        detach: false,
        follow: false,
    };
    let mut times = Vec::new();
    for _ in 0..jobs {
        let start = Instant::now();
        let mut stream = client.start(&job).await?;
        let mut answered = false;
        while let Some(event) = stream.next().await? {
            answered |= matches!(event, JobEvent::Return(_));
        }
        if !answered {
            return Err(ClientError::Short);
        }
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times)
}

fn at(sorted: &[Duration], part: f64) -> Duration {
    let index = (sorted.len() as f64 * part) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}
