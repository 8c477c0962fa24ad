//! A campaign of faults against real processes. Prints JSON; fails when anything was lost, run twice or forged.
//!
//! `cargo build --workspace --bins` (a debug build: only that has the named points and the clock that can be stepped),
//! then `target/debug/campaign --seed 1 --rounds 500`. As root the disk is filled, too.

use std::process::ExitCode;

use clap::Parser;
use fleet_tests::campaign::{Campaign, CampaignOptions};

/// Run jobs under faults and count what became of them.
#[derive(Parser)]
#[command(name = "campaign", after_help = "Example:\n  campaign --seed 42 --rounds 500 --verbose")]
struct Options {
    /// What all that is drawn comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many rounds.
    #[arg(long, default_value_t = 50)]
    rounds: usize,
    /// How many minions.
    #[arg(long, default_value_t = 3)]
    minions: usize,
    /// Tell every round.
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let Options { seed, rounds, minions, verbose } = Options::parse();
    eprintln!("reproduce: campaign --seed {seed} --rounds {rounds} --minions {minions}");
    let outcome = Campaign::new(CampaignOptions { seed, rounds, minions, verbose }).run();
    println!("{}", serde_json::to_string_pretty(&outcome).unwrap_or_default());
    if outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
