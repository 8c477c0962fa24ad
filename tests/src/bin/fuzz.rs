//! Feeds parsers with mutated inputs until something breaks or the time is over.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use fleet_tests::fuzz::{Until, run, targets};

/// Fuzz what reads input of others: no panic, no hang, no growth of memory.
#[derive(Parser)]
#[command(
    name = "fuzz",
    after_help = "Example:\n  cargo run --release -p fleet-tests --bin fuzz -- --seconds 240 yaml template"
)]
struct Options {
    /// How long each target runs.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Inputs follow from this number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write each input there before it is tried, to find the one that ended the process.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// The targets; all without one.
    targets: Vec<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(name) = options.targets.iter().find(|name| targets().all(|target| target.name != **name)) {
        let known: Vec<&str> = targets().map(|target| target.name).collect();
        eprintln!("fuzz: there is no target '{name}'; there are {}", known.join(", "));
        return ExitCode::from(2);
    }
    let mut status = ExitCode::SUCCESS;
    let wanted = |name: &str| options.targets.is_empty() || options.targets.iter().any(|target| target == name);
    for target in targets().filter(|target| wanted(target.name)) {
        let until = Until::Time(Duration::from_secs(options.seconds));
        match run(target, options.seed, until, options.keep.clone()) {
            Ok(report) => println!(
                "{}: {} inputs, slowest {:?}, {} MiB resident at the start, {} at most",
                target.name, report.inputs, report.slowest, report.resident.0, report.resident.1
            ),
            Err(why) => {
                eprintln!("fuzz: {why}");
                status = ExitCode::FAILURE;
            }
        }
    }
    status
}
