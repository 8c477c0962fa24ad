//! How long a tree of states takes from SLS to chunks and over a run in which every function answers at once.
//!
//! `cargo run --release -p fleet-tests --bin bench_state`: prints milliseconds (best of some rounds) for 1,000 and
//! 10,000 chunks of several shapes; the ratio tells whether the work is linear.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use fleet_common::call::{Arguments, Call, CallError, CallResult, Facts};
use fleet_common::files::{FileSource, Roots};
use fleet_common::render::{Limits, Renderer};
use fleet_common::state::{
    Chunk, ChunkRunner, Context, Invocation, Options, Outcome, RunOptions, low, render, run, show,
};
use fleet_common::value::Map;

const ROUNDS: u32 = 5;

/// A shape of requisites: what chunk `number` of `count` requires.
struct Shape {
    name: &'static str,
    requires: fn(usize, usize) -> Vec<usize>,
}

const SHAPES: &[Shape] = &[
    Shape { name: "no requisites", requires: |_, _| Vec::new() },
    Shape {
        name: "chain, each requires the one before",
        requires: |number, _| number.checked_sub(1).into_iter().collect(),
    },
    Shape {
        name: "chain, each requires the one behind",
        requires: |number, count| Some(number + 1).filter(|next| *next < count).into_iter().collect(),
    },
    Shape { name: "all require the first", requires: |number, _| if number == 0 { Vec::new() } else { vec![0] } },
    Shape { name: "each requires the ten before", requires: |number, _| (number.saturating_sub(10)..number).collect() },
];

fn main() -> ExitCode {
    println!("{:40} {:>6} {:>10} {:>10} {:>10}", "shape", "chunks", "compile ms", "run ms", "total ms");
    for shape in SHAPES {
        let mut totals = Vec::new();
        for count in [1_000, 10_000] {
            match measure(shape, count) {
                Ok((compiling, running)) => {
                    let (c, r) = (compiling * 1e3, running * 1e3);
                    println!("{:40} {count:>6} {c:>10.1} {r:>10.1} {:>10.1}", shape.name, c + r);
                    totals.push(c + r);
                }
                Err(why) => {
                    eprintln!("bench_state: {}: {why}", shape.name);
                    return ExitCode::FAILURE;
                }
            }
        }
        println!("{:40} ten times the chunks take {:.1} times as long", "", totals[1] / totals[0]);
    }
    ExitCode::SUCCESS
}

/// Seconds for compiling and for running, best of the rounds.
fn measure(shape: &Shape, count: usize) -> Result<(f64, f64), String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    std::fs::write(dir.path().join("t.sls"), text(shape, count)).map_err(|error| error.to_string())?;
    let files = Roots::new(BTreeMap::from([("base".to_owned(), vec![dir.path().to_owned()])]));
    let (mut compiling, mut running) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        // A fresh renderer: nothing is compiled or cached yet, as in a minion's first run.
        let renderer = Renderer::new(Limits::default());
        let start = Instant::now();
        let chunks = compile(&renderer, &files)?;
        compiling = compiling.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let report = run(&AtOnce, &chunks, &RunOptions::default());
        running = running.min(start.elapsed().as_secs_f64());
        if report.results.len() != count || report.retcode() != 0 {
            return Err(format!("{} of {count} chunks ran, status {}", report.results.len(), report.retcode()));
        }
    }
    Ok((compiling, running))
}

fn text(shape: &Shape, count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let _ = writeln!(text, "state-{number}:\n  test.nop:\n    - name: name-{number}");
        let required = (shape.requires)(number, count);
        if !required.is_empty() {
            text.push_str("    - require:\n");
        }
        for other in required {
            let _ = writeln!(text, "      - test: state-{other}");
        }
    }
    text
}

fn compile(renderer: &Renderer, files: &Roots) -> Result<Vec<Chunk>, String> {
    let context = Context::new(renderer, files, Arc::new(Nobody), Options::default());
    let (high, faults) = render(&context, &show::matches_of(&context, &["t".to_owned()]));
    low(&context.options, high, faults).map_err(|faults| faults.first().map(ToString::to_string).unwrap_or_default())
}

/// Answers at once.
struct AtOnce;

impl ChunkRunner for AtOnce {
    fn run(&self, _: &Invocation<'_>) -> Outcome {
        Outcome::new(Some(true), "Success!")
    }
    fn has_mod_watch(&self, _: &str) -> bool {
        true
    }
}

/// A minion of which nothing is known.
struct Nobody;

impl Facts for Nobody {
    fn id(&self) -> &str {
        "bench"
    }
    fn grains(&self) -> Arc<Map> {
        Arc::default()
    }
    fn pillar(&self) -> Arc<Map> {
        Arc::default()
    }
    fn opts(&self) -> Arc<Map> {
        Arc::default()
    }
    fn files(&self) -> Option<Arc<dyn FileSource>> {
        None
    }
    fn caller(&self) -> Arc<dyn Call> {
        Arc::new(NoFunctions)
    }
}

struct NoFunctions;

impl Call for NoFunctions {
    fn call(&self, function: &str, _: Arguments) -> CallResult {
        Err(CallError::Unknown { function: function.to_owned(), suggestion: None })
    }
    fn exists(&self, _: &str) -> bool {
        false
    }
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}
