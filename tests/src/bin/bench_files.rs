//! What a state run needs from the master: files, pillar, and the run itself.
//!
//! `cargo run --release -p fleet-tests --bin bench_files -- [--reference BIN]`, after
//! `cargo build --release --workspace --bins`. `--reference` names the directory of the reference's programs: the same
//! figures are then measured beside ours in the same run, whole commands both, and printed as ratios.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use fleet_common::files::Roots;
use fleet_common::proto::api::{JobEvent, NewJob};
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::proto::request::Reply;
use fleet_common::value::Map;
use fleet_master::client::Client;
use fleet_master::pillar::{Pillars, Wanted};
use fleet_tests::bench::{self, Figure, median, mixed_states};
use fleet_tests::harness::{Finished, Fleet, FleetOptions, Reference};

/// Measure files, pillar and a state run over the master, beside the reference where it is given.
#[derive(Parser)]
#[command(name = "bench_files", after_help = "Example:\n  bench_files --reference ~/venv/bin --rounds 5")]
struct Options {
    /// Directory of the reference's programs.
    #[arg(long)]
    reference: Option<PathBuf>,
    /// Rounds of each figure; the median is printed.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Leave out what takes the reference minutes (pillar of 1,000 files).
    #[arg(long)]
    quick: bool,
}

const BIG_MIB: usize = 100;
/// The first one is measured alone, all of them where several run at once.
const MINIONS: [&str; 4] = ["m1", "m2", "m3", "m4"];
/// The directory of a minion's own files in a state tree.
const OWN: &str = "states/{{ grains['id'] }}";

/// One side of the comparison: how a command is run, where its trees and its minion's cache are.
struct Side<'s> {
    ctl: &'s dyn Fn(&[&str]) -> Finished,
    states: PathBuf,
    pillar: PathBuf,
    cache: PathBuf,
    out: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut fleet = Fleet::new(&FleetOptions { quiet: true, ..FleetOptions::default() });
    fleet.start_master();
    for id in MINIONS {
        fleet.start_minion(id, "");
    }
    fleet.accept(&MINIONS);
    fleet.wait_for(&MINIONS);
    let reference = options.reference.as_deref().map(Reference::start);
    let ours = Side {
        ctl: &|args| fleet.ctl(args),
        states: fleet.dir().join("srv/salt"),
        pillar: fleet.dir().join("srv/pillar"),
        cache: fleet.minion_root("m1").join("var/cache/salt/minion/files"),
        out: fleet.dir().join("out"),
    };
    let asked = reference.as_ref().map(|reference| |args: &[&str]| reference.ctl(args));
    let theirs = reference.as_ref().zip(asked.as_ref()).map(|(reference, ctl)| Side {
        ctl,
        states: reference.dir().join("salt"),
        pillar: reference.dir().join("pillar"),
        cache: reference.dir().join("n/var/cache/salt/minion/files"),
        out: reference.dir().join("out"),
    });
    let bench = Bench { rounds: options.rounds.max(1), ours, theirs };
    println!("load before: {}", bench::load());
    bench.files();
    bench.pillar(100, "<= 20 ms", false);
    bench.pillar(1000, "<= 200 ms", options.quick);
    bench.highstate(&fleet);
    for files in [1, 10, 100] {
        thousand_minions(files);
    }
    println!("load after: {}", bench::load());
    ExitCode::SUCCESS
}

struct Bench<'s> {
    rounds: usize,
    ours: Side<'s>,
    theirs: Option<Side<'s>>,
}

impl Bench<'_> {
    fn files(&self) {
        self.both(|side| {
            let bytes: Vec<u8> = (0..BIG_MIB << 17).flat_map(|n: usize| (n as u64).to_le_bytes()).collect();
            write(&side.states.join("big"), &bytes);
            for n in 0..1000 {
                write(&side.states.join(format!("small/d{:02}/f{n}", n % 20)), &vec![n as u8; 2048]);
            }
        });
        let cold = |side: &Side<'_>| {
            for folder in [&side.cache, &side.out] {
                bench::put_aside(folder).expect("a directory can be renamed");
            }
            fs::create_dir_all(&side.out).expect("directories can be made");
        };
        let get_big = |side: &Side<'_>| {
            let to = side.out.join("big");
            let took = timed(side, &["m1", "cp.get_file", "salt://big", &to.display().to_string(), "-t", "60"]);
            assert_eq!(fs::metadata(&to).map_or(0, |found| found.len()), (BIG_MIB << 20) as u64);
            took
        };
        let get_small = |side: &Side<'_>| {
            let to = side.out.display().to_string();
            let took = timed(side, &["m1", "cp.get_dir", "salt://small", &to, "-t", "60"]);
            assert!(side.out.join("small/d19/f999").exists());
            took
        };
        let floor = self.measure(|side| timed(side, &["m1", "test.ping"]));
        floor.print("test.ping, the command alone", "");
        let big = self.measure(|side| {
            cold(side);
            get_big(side)
        });
        big.print("100 MiB to the cache and to its place, nothing there", "");
        let copy = self.measure(|side| {
            cold(side);
            timed(side, &["m1", "cp.cache_file", "salt://big", "-t", "60"])
        });
        copy.print("100 MiB to the cache, nothing there", "<= 250 ms (400 MiB/s)");
        println!("    {:.0} MiB/s without the command itself", BIG_MIB as f64 / (copy.ours - floor.ours).max(1e-3));
        self.measure(get_big).print("100 MiB again, unchanged, to its place", "");
        let small = self.measure(|side| {
            cold(side);
            get_small(side)
        });
        small.print("1,000 files of 2 KiB, nothing there", "<= 120 ms");
        self.measure(get_small).print("1,000 files of 2 KiB again, unchanged", "");
    }

    fn pillar(&self, files: usize, budget: &str, alone: bool) {
        self.both(|side| pillar_tree(&side.pillar, files, ""));
        let items = |side: &Side<'_>| {
            let took = timed(side, &["m1", "pillar.items", "--out", "json", "-t", "120"]);
            // The next one finds another file changed.
            pillar_file(&side.pillar, files / 2, &format!("changed: {took}\n"));
            took
        };
        let mut figure = Figure { ours: median(self.rounds, || items(&self.ours)), theirs: None };
        if let Some(theirs) = self.theirs.as_ref().filter(|_| !alone) {
            let rounds = if files > 100 { 1 } else { self.rounds };
            figure.theirs = Some(median(rounds, || items(theirs)));
        }
        figure.print(&format!("pillar.items of {files} files, one of them changed"), budget);
    }

    fn highstate(&self, fleet: &Fleet) {
        self.both(|side| {
            mixed_states(&side.states, &side.out.join(OWN), 1000).expect("files can be written");
        });
        let highstate = |side: &Side<'_>| {
            let took = timed(side, &["m1", "state.apply", "k", "--out", "json", "-t", "120"]);
            assert!(side.out.join("states/m1/inline-1.conf").exists());
            took
        };
        self.both(|side| assert!(highstate(side) > 0.0));
        self.measure(highstate).print("1,000 mixed chunks, nothing to change, whole command", "");
        let inside = median(self.rounds, || in_minion(fleet, "state.apply", "k"));
        println!("1,000 mixed chunks, nothing to change, in the minion: {:.1} ms (budget <= 70 ms)", inside * 1e3);
        let all = || timed(&self.ours, &["m*", "state.apply", "k", "--out", "json", "-t", "120"]);
        let (first, again) = (all(), median(self.rounds, all));
        println!(
            "the same on {} minions of this machine at once, whole command: three of them from nothing {:.1} ms, nothing to \
             change {:.1} ms",
            MINIONS.len(),
            first * 1e3,
            again * 1e3
        );
    }

    fn both(&self, make: impl Fn(&Side<'_>)) {
        make(&self.ours);
        self.theirs.iter().for_each(make);
    }

    fn measure(&self, run: impl Fn(&Side<'_>) -> f64) -> Figure {
        let theirs = self.theirs.as_ref().map(|theirs| median(self.rounds.min(5), || run(theirs)));
        Figure { ours: median(self.rounds, || run(&self.ours)), theirs }
    }
}

fn write(path: &Path, content: &[u8]) {
    bench::write(path, content).expect("files can be written");
}

fn timed(side: &Side<'_>, args: &[&str]) -> f64 {
    let finished = (side.ctl)(args);
    assert_eq!(finished.status, 0, "{finished:?}");
    finished.took.as_secs_f64()
}

/// Seconds that a function took by the minion's own clock.
fn in_minion(fleet: &Fleet, fun: &str, arg: &str) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(async {
        let mut client = Client::connect(&fleet.api_socket()).await.expect("the master listens");
        let mut job = NewJob::new(Target::new(TargetKind::Glob, "m1"), fun);
        job.arg = vec![arg.into()];
        let mut stream = client.start(&job).await.expect("the job starts");
        let mut took = 0.0;
        while let Some(event) = stream.next().await.expect("the stream goes on") {
            if let JobEvent::Return(ret) = event {
                assert_eq!(ret.retcode, 0);
                took = ret.duration / 1e3;
            }
        }
        took
    })
}

/// Pillar files that use grains and loops, as trees do.
fn pillar_tree(root: &Path, files: usize, more: &str) {
    drop(fs::remove_dir_all(root));
    let names: String = (0..files).map(|n| format!("    - p{n}\n")).collect();
    write(&root.join("top.sls"), format!("base:\n  '*':\n{names}").as_bytes());
    for n in 0..files {
        pillar_file(root, n, more);
    }
}

fn pillar_file(root: &Path, n: usize, more: &str) {
    let text = format!(
        "{{% set who = grains['id'] %}}\nsect{n}:\n  owner: {{{{ who }}}}\n  os: {{{{ grains['os'] }}}}\n  items:\n\
         {{% for k in range(5) %}}    - name: item-{{{{ k }}}}\n      value: {{{{ k * {n} }}}}\n{{% endfor %}}  \
         nested:\n    a: {{b: {{c: {n}}}}}\n{more}"
    );
    write(&root.join(format!("p{n}.sls")), text.as_bytes());
}

/// The pillar of a thousand minions from a warm compiler after one of its files changed, on two threads.
fn thousand_minions(files: usize) {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    pillar_tree(dir.path(), files, "");
    let roots = Roots::new([("base".to_owned(), vec![dir.path().to_owned()])].into());
    let pillars = Arc::new(Pillars::new(Arc::new(roots), Map::new(), false, 2));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let round = || {
        let start = Instant::now();
        runtime.block_on(async {
            let all: Vec<_> = (0..1000)
                .map(|n| {
                    let id: fleet_common::ids::MinionId = format!("web{n}").parse().expect("it is an id");
                    let grains = Map::from_iter([("id", id.as_str()), ("os", "Debian")]);
                    let wanted = Wanted { id, grains, saltenv: None, pillarenv: None, overrides: Map::new() };
                    let pillars = pillars.clone();
                    tokio::spawn(async move { pillars.compile(wanted).await })
                })
                .collect();
            for one in all {
                let reply = one.await.expect("no compilation panics");
                assert!(matches!(reply, Reply::Pillar { errors, .. } if errors.is_empty()));
            }
        });
        start.elapsed().as_secs_f64()
    };
    let cold = round();
    let same = round();
    pillar_file(dir.path(), files / 2, "changed: 1\n");
    let changed = round();
    println!(
        "pillar of {files} files for 1,000 minions, two compilers: first {cold:.2} s, unchanged {same:.2} s, \
         one file changed {changed:.2} s (budget <= 3 s)"
    );
}
