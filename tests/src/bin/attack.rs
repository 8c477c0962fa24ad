//! Attacks of a malicious minion, a malicious network peer and a restricted operator on a real master and real minions.
//! Ends with another status than 0 when anything was granted, anything broke, or the master did not count what it must.
//!
//! `cargo build --workspace --bins`, then `cargo attack`. As root also the operator is played.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use fleet_tests::attack::{Outcome, Part, play};

/// Attack a master and its minions, and count.
#[derive(Parser)]
#[command(name = "attack", after_help = "Example:\n  cargo attack --out json minion network")]
struct Options {
    /// How to print.
    #[arg(long, value_enum, default_value_t = Out::Table)]
    out: Out,
    /// Less of everything that is repeated.
    #[arg(long)]
    short: bool,
    /// Who attacks; all without one.
    #[arg(value_enum)]
    parts: Vec<Who>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Out {
    Table,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Who {
    Minion,
    Network,
    Operator,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut outcome = Outcome::default();
    for (who, part) in [(Who::Minion, Part::Minion), (Who::Network, Part::Network), (Who::Operator, Part::Operator)] {
        if options.parts.is_empty() || options.parts.contains(&who) {
            play(part, options.short, &mut outcome);
        }
    }
    match options.out {
        Out::Table => print!("{}", outcome.table()),
        Out::Json => {
            let whole = serde_json::json!({"sums": outcome.sums(), "rows": outcome.rows, "skipped": outcome.skipped});
            println!("{whole:#}");
        }
    }
    if outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
