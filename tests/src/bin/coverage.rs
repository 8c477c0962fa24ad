//! Prints how much of what real trees use is built.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use fleet_tests::census::{Part, Standing, Tables, compare};

/// Compare a census of real trees with the states and functions that are built.
#[derive(Parser)]
#[command(name = "coverage", after_help = "Example:\n  cargo run -p fleet-tests --bin coverage -- census.md")]
struct Options {
    /// How many missing names to list for each part.
    #[arg(long, default_value_t = 30)]
    missing: usize,
    /// List what does not count, too.
    #[arg(long)]
    left_out: bool,
    /// The census: Markdown with the tables `State functions`, `Execution functions called from templates` and
    /// `Arguments by state function`.
    census: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse_from(fleet_tests::arguments());
    let tables = std::fs::read_to_string(&options.census)
        .map_err(|error| error.to_string())
        .and_then(|text| Tables::parse(&text));
    match tables {
        Ok(tables) => {
            compare(&tables).iter().for_each(|part| print(part, &options));
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("coverage: {}: {why}", options.census.display());
            ExitCode::from(1)
        }
    }
}

fn print(part: &Part, options: &Options) {
    let (present, counted) = part.uses();
    let percent = 100.0 * present as f64 / counted.max(1) as f64;
    println!("{}: {present} of {counted} uses ({percent:.1} %)", part.title);
    let missing = part.lines.iter().filter(|line| line.standing == Standing::Missing);
    for line in missing.take(options.missing) {
        println!("  missing  {:>5}  {}", line.uses, line.name);
    }
    if options.left_out {
        for line in &part.lines {
            if let Standing::LeftOut(why) = line.standing {
                println!("  left out {:>5}  {}  ({why})", line.uses, line.name);
            }
        }
    }
}
