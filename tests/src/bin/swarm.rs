//! Thousands of minions against one master: storm, ping, restart, memory; or a soak of minutes. Prints JSON.
//!
//! `cargo build --release --workspace --bins`, then `target/release/swarm --minions 1000`. The master and each process
//! need twice as many open files as they have minions (`ulimit -n`).

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use fleet_tests::swarm::{ChildOptions, Stage, StageOptions, Usage, load, median, run_child};
use serde_json::{Value, json};

const MIB: f64 = 1024.0 * 1024.0;
/// How often a soak looks.
const LOOK: Duration = Duration::from_secs(10);

/// Run thousands of minions against one master and measure.
#[derive(Parser)]
#[command(
    name = "swarm",
    after_help = "Examples:\n  swarm --minions 9900\n  swarm --minions 1000 --restless 30 --soak 30\n  \
                  swarm --minions 100 --strangers 9000"
)]
struct Options {
    /// How many minions.
    #[arg(long, default_value_t = 1000)]
    minions: usize,
    /// How many processes they live in.
    #[arg(long, default_value_t = 4)]
    processes: usize,
    /// Rounds of the ping.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Where journals are kept: memory by default.
    #[arg(long, default_value = "/dev/shm")]
    journals: PathBuf,
    /// Instead of measuring: so many minutes of pings while minions come and go.
    #[arg(long)]
    soak: Option<u64>,
    /// Instead of measuring: so many unknown minions ask to be accepted at once, while the others are pinged.
    #[arg(long)]
    strangers: Option<usize>,
    /// Run as a process of the swarm.
    #[arg(long, hide = true)]
    child: bool,
    #[command(flatten)]
    part: ChildOptions,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.child {
        return match run_child(&options.part) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("swarm: {why}");
                ExitCode::FAILURE
            }
        };
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let mut stage = Stage::new(&StageOptions {
        minions: options.minions,
        processes: options.processes,
        restless: options.part.restless,
        journals: options.journals.clone(),
        master_config: if options.soak.is_some() { "keep_jobs_bytes: 16777216\n".to_owned() } else { String::new() },
    });
    let (figures, lost) = match options.soak {
        Some(minutes) => runtime.block_on(soak(&options, &mut stage, Duration::from_secs(minutes * 60))),
        None => match options.strangers {
            Some(count) => runtime.block_on(strangers(&options, &mut stage, count)),
            None => runtime.block_on(measure(&options, &mut stage)),
        },
    };
    println!("{figures:#}");
    if lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(options: &Options, stage: &mut Stage) -> (Value, usize) {
    let minions = options.minions;
    let load_before = load();
    let start = Instant::now();
    stage.spawn_master();
    let up = stage.wait_for_all(Duration::from_secs(120)).await;
    let storm = start.elapsed().as_secs_f64();
    let after_storm = (stage.master(), stage.swarm());
    eprintln!("{up} of {minions} connected after {storm:.2} s");

    let (mut commands, mut streams, mut lost) = (Vec::new(), Vec::new(), 0);
    let before = (stage.master(), stage.swarm());
    for _ in 0..options.rounds {
        let finished = stage.command();
        let printed = finished.stdout.lines().filter(|line| line.ends_with(": True")).count();
        lost += minions - printed.min(minions);
        commands.push(finished.took.as_secs_f64());
        eprintln!("ping by command: {:.3} s, {printed} printed", finished.took.as_secs_f64());
    }
    let after = (stage.master(), stage.swarm());
    for _ in 0..options.rounds {
        let ping = stage.ping().await.expect("a ping over the API");
        tokio::time::sleep(Duration::from_millis(300)).await;
        lost += minions - stage.stored(&ping.jid).await.min(minions);
        streams.push(ping.seconds);
    }
    let (stored_per_second, unstored) = burst(stage, minions, 5).await;
    lost += unstored;
    let restart = restart(stage, minions).await;
    let (master, swarm) = (stage.master(), stage.swarm());
    let per_ping = |a: Usage, b: Usage| (b.cpu - a.cpu) / options.rounds as f64;
    let figures = json!({
        "minions": minions,
        "processes": options.processes,
        "load_before": load_before,
        "load_after": load(),
        "storm_seconds": storm,
        "connected": up,
        "storm_cpu_seconds": { "master": after_storm.0.cpu, "swarm": after_storm.1.cpu },
        "ping_command_seconds": { "median": median(commands.clone()), "all": commands },
        "publish_to_last_return_seconds": { "median": median(streams.clone()), "all": streams },
        "ping_cpu_seconds": { "master": per_ping(before.0, after.0), "swarm": per_ping(before.1, after.1) },
        "returns_stored_per_second": stored_per_second,
        "lost": lost,
        "restart_seconds": restart,
        "master": { "rss_mib": master.rss as f64 / MIB, "pss_mib": master.pss as f64 / MIB, "files": master.files },
        "minion": { "pss_kib": swarm.pss as f64 / 1024.0 / minions as f64 },
        "store_mib": stage.store_bytes() as f64 / MIB,
    });
    (figures, lost)
}

/// Pings the accepted before and while the strangers come.
async fn strangers(options: &Options, stage: &mut Stage, count: usize) -> (Value, usize) {
    let load_before = load();
    stage.spawn_master();
    stage.wait_for_all(Duration::from_secs(120)).await;
    let mut lost = 0;
    let mut ping = async |stage: &Stage| {
        let start = Instant::now();
        let ping = stage.ping().await.expect("the master answers");
        lost += options.minions - ping.returns.min(options.minions);
        start.elapsed().as_secs_f64()
    };
    let mut quiet = Vec::new();
    for _ in 0..options.rounds {
        quiet.push(ping(stage).await);
    }
    let before = stage.master();
    stage.strangers(count, options.processes);
    let start = Instant::now();
    let (mut flooded, mut most) = (Vec::new(), before.rss);
    while stage.pending() < count && start.elapsed() < Duration::from_secs(300) {
        flooded.push(ping(stage).await);
        most = most.max(stage.master().rss);
    }
    let all_wait = start.elapsed().as_secs_f64();
    let largest = |all: &[f64]| all.iter().copied().fold(0.0, f64::max);
    let figures = json!({
        "minions": options.minions,
        "strangers": count,
        "pending": stage.pending(),
        "seconds_until_all_wait": all_wait,
        "ping_seconds_before": { "median": median(quiet.clone()), "largest": largest(&quiet) },
        "ping_seconds_meanwhile": { "count": flooded.len(), "median": median(flooded.clone()), "largest": largest(&flooded) },
        "lost": lost,
        "master_rss_mib": { "before": before.rss as f64 / MIB, "most": most as f64 / MIB },
        "master_cpu_seconds": stage.master().cpu - before.cpu,
        "load_before": load_before,
        "load_after": load(),
    });
    (figures, lost)
}

/// Several jobs at once; returns stored a second, and those that are not after a minute.
async fn burst(stage: &Stage, minions: usize, jobs: usize) -> (f64, usize) {
    let start = Instant::now();
    let mut jids = Vec::new();
    for _ in 0..jobs {
        jids.push(stage.detached().await.expect("a job can be made"));
    }
    let mut waiting = jids;
    while !waiting.is_empty() && start.elapsed() < Duration::from_secs(60) {
        if stage.stored(&waiting[0]).await == minions {
            waiting.remove(0);
        } else {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let mut unstored = 0;
    for jid in &waiting {
        unstored += minions - stage.stored(jid).await.min(minions);
    }
    ((minions * jobs) as f64 / start.elapsed().as_secs_f64(), unstored)
}

/// Kills the master and starts it again: seconds from its start until all have answered one ping.
async fn restart(stage: &mut Stage, minions: usize) -> f64 {
    stage.kill_master();
    let start = Instant::now();
    stage.spawn_master();
    stage.wait_for_all(Duration::from_secs(120)).await;
    let mut last = 0;
    while start.elapsed() < Duration::from_secs(120) {
        last = stage.ping().await.map_or(0, |ping| ping.returns);
        if last == minions {
            return start.elapsed().as_secs_f64();
        }
    }
    eprintln!("only {last} of {minions} answer after the restart");
    f64::INFINITY
}

async fn soak(options: &Options, stage: &mut Stage, time: Duration) -> (Value, usize) {
    stage.spawn_master();
    tokio::time::sleep(Duration::from_secs(15)).await;
    let start = Instant::now();
    let (mut looks, mut jobs, mut returns) = (Vec::new(), Vec::new(), 0);
    while start.elapsed() < time {
        let next = Instant::now() + LOOK;
        for _ in 0..5 {
            let ping = stage.ping().await.expect("the master answers");
            returns += ping.returns;
            jobs.push(ping.jid);
        }
        let usage = stage.master();
        looks.push((start.elapsed().as_secs_f64(), usage, stage.store_bytes()));
        eprintln!(
            "{:6.0} s  rss {:.1} MiB  files {}  store {:.1} MiB  cpu {:.1} s  load {}",
            start.elapsed().as_secs_f64(),
            usage.rss as f64 / MIB,
            usage.files,
            stage.store_bytes() as f64 / MIB,
            usage.cpu,
            load()
        );
        tokio::time::sleep(next.saturating_duration_since(Instant::now())).await;
    }
    // Whoever was asked in the last two minutes may still be waited for.
    tokio::time::sleep(Duration::from_secs(110)).await;
    let open = open_targets(stage, &jobs).await;
    let warm: Vec<_> = looks.iter().filter(|look| look.0 > time.as_secs_f64() / 6.0).collect();
    let span = |value: fn(&(f64, Usage, u64)) -> f64| {
        let thirds: Vec<f64> = warm
            .chunks(warm.len().div_ceil(3).max(1))
            .map(|third| median(third.iter().map(|l| value(l)).collect()))
            .collect();
        json!(thirds)
    };
    let figures = json!({
        "minions": options.minions,
        "restless_percent": options.part.restless,
        "minutes": time.as_secs() / 60,
        "jobs": jobs.len(),
        "returns": returns,
        "targets_without_final_state": open,
        "medians_of_the_thirds_after_warm_up": {
            "rss_mib": span(|look| look.1.rss as f64 / MIB),
            "files": span(|look| look.1.files as f64),
            "store_mib": span(|look| look.2 as f64 / MIB),
        },
        "load_after": load(),
    });
    (figures, open)
}

/// Targets of kept jobs that are in no final state.
async fn open_targets(stage: &Stage, jobs: &[fleet_common::ids::Jid]) -> usize {
    let mut open = 0;
    let mut client = stage.client().await;
    for jid in jobs {
        // Retention may have dropped it.
        if let Ok(view) = client.get::<fleet_master::api::JobView>(&format!("/jobs/{jid}")).await {
            open += view.targets.iter().filter(|target| !target.state.is_final()).count();
        }
    }
    open
}
