//! What a tree of states costs: compiling it and walking its chunks, their memory, and the whole command on a machine.
//!
//! `cargo build --release -p fleet-tests -p fleet-minion --bins`, then `target/release/bench_state [--reference BIN]`:
//! milliseconds of processor time for 1,000 and 10,000 chunks of several shapes with a runner that answers at once, the
//! peak memory of 10,000, 20,000 and 40,000, and `saltcall --local state.apply` of whole trees; `--reference` names the
//! directory of the reference's programs: its `salt-call` then applies the same trees in the same run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use clap::Parser;
use fleet_common::call::{Arguments, Call, CallError, CallResult, Facts};
use fleet_common::files::{FileSource, Roots};
use fleet_common::render::{Limits, Renderer};
use fleet_common::state::{self, Chunk, ChunkRunner, Context, Invocation, Outcome, RunOptions, low, render, run, show};
use fleet_common::value::Map;
use fleet_tests::bench::{self, Figure, median, mixed_states};
use fleet_tests::harness::{Finished, program};

/// Measure the state compiler and runner, and whole state runs beside the reference where it is given.
#[derive(Parser)]
#[command(name = "bench_state", after_help = "Example:\n  bench_state --reference ~/venv/bin --rounds 9")]
struct Options {
    /// Directory of the reference's programs.
    #[arg(long)]
    reference: Option<PathBuf>,
    /// Rounds of each figure; the median is printed.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Compile and run so many chunks of the first shape, print the peak memory in KiB, and end.
    #[arg(long, hide = true)]
    memory: Option<usize>,
}

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
    let options = Options::parse();
    let done = match options.memory {
        Some(count) => peak_of(count).map(|peak| println!("{peak}")),
        None => all(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench_state: {why}");
            ExitCode::FAILURE
        }
    }
}

fn all(options: &Options) -> Result<(), String> {
    println!("load before: {}", bench::load());
    println!("{:40} {:>6} {:>10} {:>10} {:>10}", "shape", "chunks", "compile ms", "run ms", "total ms");
    for shape in SHAPES {
        let mut totals = Vec::new();
        for count in [1_000, 10_000] {
            let (c, r) = measure(shape, count, options.rounds).map_err(|why| format!("{}: {why}", shape.name))?;
            let (c, r) = (c * 1e3, r * 1e3);
            println!("{:40} {count:>6} {c:>10.1} {r:>10.1} {:>10.1}", shape.name, c + r);
            totals.push(c + r);
        }
        println!("{:40} ten times the chunks take {:.1} times as long", "", totals[1] / totals[0]);
    }
    memory()?;
    commands(options)?;
    println!("load after: {}", bench::load());
    Ok(())
}

/// The peak memory of processes that compile and run 10,000, 20,000 and 40,000 chunks and nothing else.
fn memory() -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    for count in [10_000, 20_000, 40_000] {
        let finished = Finished::of(Command::new(&own).args(["--memory", &count.to_string()]));
        let kib: f64 = finished.stdout.trim().parse().map_err(|_| format!("no peak memory: {finished:?}"))?;
        println!("peak memory of {count} chunks: {:.1} MiB, {:.2} KiB a chunk", kib / 1024.0, kib / f64::from(count));
    }
    Ok(())
}

fn peak_of(count: usize) -> Result<u64, String> {
    measure(&SHAPES[1], count, 1)?;
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse().map_err(|_| format!("no number: '{line}'"))
}

/// A program that applies trees without a master, with its own configuration and directories.
struct Caller {
    program: PathBuf,
    dir: PathBuf,
}

impl Caller {
    fn new(program: PathBuf, dir: PathBuf) -> Result<Self, String> {
        let root = dir.display();
        let config = format!("root_dir: {root}\nid: bench\nfile_client: local\nfile_roots: {{base: [{root}/srv]}}\n");
        bench::write(&dir.join("minion"), config.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Self { program, dir })
    }

    /// Seconds of the whole command.
    fn call(&self, words: &[&str]) -> f64 {
        let config = self.dir.display().to_string();
        let options = ["--local", "-c", &config, "--out", "json", "-l", "quiet", "--retcode-passthrough"];
        let finished = Finished::of(Command::new(&self.program).args(options).args(words));
        assert_eq!(finished.status, 0, "{words:?}: {finished:?}");
        finished.took.as_secs_f64()
    }
}

/// Whole commands on whole trees.
fn commands(options: &Options) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let ours = Caller::new(program("saltcall"), dir.path().join("ours"))?;
    let theirs = match &options.reference {
        Some(bin) if bin.join("salt-call").is_file() => {
            Some(Caller::new(bin.join("salt-call"), dir.path().join("theirs"))?)
        }
        Some(bin) => return Err(format!("--reference {}: there is no program 'salt-call' in it", bin.display())),
        None => {
            println!("the reference is not measured: --reference names the directory of its programs");
            None
        }
    };
    let callers = || [Some(&ours), theirs.as_ref()].into_iter().flatten();
    for caller in callers() {
        let tree = |name: &str, text: String| bench::write(&caller.dir.join("srv").join(name), text.as_bytes());
        let trees =
            [(1, "chain", 1_000), (3, "first", 1_000), (4, "ten", 1_000), (1, "chain", 10_000), (3, "first", 10_000)];
        for (shape, name, count) in trees {
            tree(&format!("{name}-{count}.sls"), text(&SHAPES[shape], count)).map_err(|error| error.to_string())?;
        }
        mixed_states(&caller.dir.join("srv"), &caller.dir.join("out"), 1_000).map_err(|error| error.to_string())?;
    }
    let rounds = options.rounds.max(1);
    let print = |what: &str, budget: &str, few: bool, run: &dyn Fn(&Caller) -> f64| {
        let ours = cost(rounds, || run(&ours));
        let theirs = theirs.as_ref().filter(|_| few).map(|theirs| cost(rounds.min(3), || run(theirs)));
        Figure { ours: ours.0, theirs: theirs.map(|theirs| theirs.0) }.print(what, budget);
        Figure { ours: ours.1, theirs: theirs.map(|theirs| theirs.1) }.print("    processor time", "");
    };
    print("test.ping, the command alone", "", true, &|caller| caller.call(&["test.ping"]));
    let apply = |tree: &'static str| move |caller: &Caller| caller.call(&["state.apply", tree]);
    print("1,000 test.nop in a chain", "<= 30 ms", true, &apply("chain-1000"));
    print("1,000 all requiring one", "", true, &apply("first-1000"));
    print("1,000 requiring the ten before", "<= 40 ms", true, &apply("ten-1000"));
    // Not asked of the reference, whose time grows faster than the number of chunks.
    print("10,000 test.nop in a chain", "<= 300 ms", false, &apply("chain-10000"));
    print("10,000 all requiring one", "<= 300 ms", false, &apply("first-10000"));
    print("1,000 mixed, nothing there", "<= 200 ms", true, &|caller| {
        bench::put_aside(&caller.dir.join("out")).expect("a directory can be renamed");
        caller.call(&["state.apply", "k"])
    });
    print("1,000 mixed, nothing to change", "<= 50 ms", true, &apply("k"));
    print("1,000 mixed, dry run", "", true, &|caller| caller.call(&["state.apply", "k", "test=True"]));
    Ok(())
}

/// The median of so many commands by the clock on the wall, and the mean of their processor time.
fn cost(rounds: usize, run: impl FnMut() -> f64) -> (f64, f64) {
    let before = bench::processor_of_children();
    let wall = median(rounds, run);
    (wall, (bench::processor_of_children() - before) / rounds as f64)
}

/// Seconds of processor time for compiling and for running, best of the rounds.
fn measure(shape: &Shape, count: usize, rounds: usize) -> Result<(f64, f64), String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    std::fs::write(dir.path().join("t.sls"), text(shape, count)).map_err(|error| error.to_string())?;
    let files = Roots::new(BTreeMap::from([("base".to_owned(), vec![dir.path().to_owned()])]));
    let (mut compiling, mut running) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..rounds.max(1) {
        // A fresh renderer: nothing is compiled or cached yet, as in a minion's first run.
        let renderer = Renderer::new(Limits::default());
        let start = bench::processor();
        let chunks = compile(&renderer, &files)?;
        let compiled = bench::processor();
        compiling = compiling.min((compiled - start).as_secs_f64());
        let report = run(&AtOnce, &chunks, &RunOptions::default());
        running = running.min((bench::processor() - compiled).as_secs_f64());
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
    let context = Context::new(renderer, files, Arc::new(Nobody), state::Options::default());
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
