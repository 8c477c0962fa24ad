//! Runs recorded cases of the reference against our code and counts them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use fleet_tests::conformance::{Outcome, Verdict, load, run_all};

/// Run recorded cases of the reference implementation against the real code.
#[derive(Parser)]
#[command(
    name = "conformance",
    after_help = "Examples:\n  cargo conformance tests/conformance\n  cargo conformance --area yaml,jinja --show 5 tests/conformance"
)]
struct Options {
    /// Only these areas, separated by commas.
    #[arg(long, value_delimiter = ',')]
    area: Vec<String>,
    /// Only cases whose id contains this.
    #[arg(long)]
    filter: Option<String>,
    /// Print counts (and shown cases) as one JSON document.
    #[arg(long)]
    json: bool,
    /// Print what differs in the first N cases that did not pass.
    #[arg(long, default_value_t = 0)]
    show: usize,
    /// Directories with one folder an area.
    #[arg(required = true)]
    dirs: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse_from(fleet_tests::arguments());
    let mut cases = match load(&options.dirs, &options.area) {
        Ok(cases) => cases,
        Err(message) => {
            eprintln!("conformance: {message}");
            return ExitCode::from(64);
        }
    };
    if let Some(filter) = &options.filter {
        cases.retain(|case| case.id.contains(filter.as_str()));
    }
    if cases.is_empty() {
        eprintln!("conformance: no case fits");
        return ExitCode::from(2);
    }
    // A panic is a failed case; its text is in the verdict.
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = run_all(&cases);
    if options.json {
        print_json(&outcome, options.show)
    } else {
        print_text(&outcome, options.show)
    }
    let failed = outcome.areas.values().any(|count| count.failed + count.unsupported > 0);
    ExitCode::from(u8::from(failed))
}

fn missed(outcome: &Outcome) -> impl Iterator<Item = (&str, &str, &str)> {
    outcome.verdicts.iter().filter_map(|(id, verdict)| match verdict {
        Verdict::Pass => None,
        Verdict::Fail(why) => Some((id.as_str(), "failed", why.as_str())),
        Verdict::Unsupported(why) => Some((id.as_str(), "unsupported", why.as_str())),
    })
}

fn print_text(outcome: &Outcome, show: usize) {
    for (id, how, why) in missed(outcome).take(show) {
        println!("--- {id}: {how}\n{why}");
    }
    let (mut passed, mut failed) = (0, 0);
    for (area, count) in &outcome.areas {
        println!("{area}: {} passed, {} failed, {} unsupported", count.passed, count.failed, count.unsupported);
        passed += count.passed;
        failed += count.failed + count.unsupported;
    }
    println!("{passed} passed, {failed} failed");
}

fn print_json(outcome: &Outcome, show: usize) {
    let shown: Vec<_> = missed(outcome)
        .take(show)
        .map(|(id, how, why)| serde_json::json!({"id": id, "verdict": how, "why": why}))
        .collect();
    println!("{}", serde_json::json!({"areas": outcome.areas, "shown": shown}));
}
