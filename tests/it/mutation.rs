//! Random damage to real texts and bytes: decoders of untrusted input neither panic nor hang, and what they accept
//! survives being written and read again. Seeded, so that a failure comes back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fleet_common::proto::decode::{Limits, decode, encode};
use fleet_common::value::json_dump::{JsonOptions, dumps};
use fleet_common::value::{Value, json_load, python};
use fleet_common::yaml::{self, DumpOptions, Flow};
use fleet_tests::conformance;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Rounds of each test: seconds, not minutes, in a debug build.
const ROUNDS: usize = 3000;
/// Far above what any of the small inputs needs.
const SLOWEST: Duration = Duration::from_secs(2);

/// Pieces that mean something to YAML or JSON.
const PIECES: &[&str] = &[
    "- ",
    ": ",
    "\n",
    "  ",
    "\t",
    "&a ",
    "*a",
    "<<: ",
    "<<: *a",
    "'",
    "\"",
    "[",
    "]",
    "{",
    "}",
    ",",
    "|\n",
    ">+\n",
    "!!int ",
    "!!binary ",
    "!!set ",
    "!x ",
    "#",
    " #",
    "0",
    "07",
    "0x",
    "1:30",
    "1_0",
    ".5e+3",
    "~",
    "yes",
    "=",
    "? ",
    "...\n",
    "---\n",
    "%",
    "\\",
    "\\u00",
    "\u{e9}",
    "\r",
    "\u{feff}",
    "\u{0}",
    "\u{85}",
    "\u{1f600}",
    "null",
    "NaN",
    "1e999",
];

fn corpus() -> Vec<String> {
    let dir: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let cases = conformance::load(&[dir], &["yaml".to_owned()]).expect("the corpus can be read");
    let texts: Vec<String> = cases.iter().filter_map(|case| case.text("text").map(str::to_owned)).collect();
    assert!(texts.len() > 100, "only {} texts", texts.len());
    texts
}

fn pick<'t, T: ?Sized>(random: &mut StdRng, items: &'t [impl AsRef<T>]) -> &'t T {
    items[random.random_range(0..items.len())].as_ref()
}

/// A text of the corpus with some pieces put in, taken out or doubled.
fn damaged(random: &mut StdRng, texts: &[String]) -> String {
    let mut chars: Vec<char> = pick::<str>(random, texts).chars().collect();
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..=chars.len());
        let end = (at + random.random_range(0..24)).min(chars.len());
        match random.random_range(0..4) {
            0 => drop(chars.drain(at..end)),
            1 => drop(chars.splice(at..at, chars[at..end].to_vec())),
            2 => drop(chars.splice(at..at, pick::<str>(random, texts).chars().take(40))),
            _ => drop(chars.splice(at..at, pick::<str>(random, PIECES).chars())),
        }
    }
    chars.into_iter().collect()
}

/// Processor time of this thread: what others do does not count.
fn processor() -> Duration {
    rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().unwrap()
}

fn timed<T>(input: &dyn std::fmt::Debug, run: impl FnOnce() -> T) -> T {
    let start = processor();
    let result = run();
    let took = processor() - start;
    assert!(took < SLOWEST, "{took:?} for {input:?}");
    result
}

#[test]
fn damaged_yaml_is_loaded_or_explained() {
    let (texts, mut random) = (corpus(), StdRng::seed_from_u64(1));
    let mut loaded = 0;
    for _ in 0..ROUNDS {
        let text = damaged(&mut random, &texts);
        match timed(&text, || yaml::load(&text, "mutation.sls")) {
            Ok(document) => {
                loaded += 1;
                for flow in [Flow::Never, Flow::Always, Flow::Leaves] {
                    let options =
                        DumpOptions { flow, sort_keys: false, unicode: flow != Flow::Always, ..DumpOptions::default() };
                    let dumped = yaml::dump(&document.value, &options);
                    let again = yaml::load(&dumped, "dumped").unwrap_or_else(|error| panic!("{text:?}: {error}")).value;
                    assert_eq!(python::repr(&again), python::repr(&document.value), "{text:?} as {dumped}");
                }
            }
            Err(error) => {
                let place = error.diagnostic.place.as_ref().expect("a fault of a text has a place");
                assert!(place.line > 0 && !error.to_string().is_empty(), "{text:?}: {error}");
            }
        }
    }
    assert!(loaded > ROUNDS / 10, "only {loaded} of {ROUNDS} texts loaded");
}

#[test]
fn damaged_messages_are_decoded_or_refused() {
    let (texts, mut random) = (corpus(), StdRng::seed_from_u64(2));
    let values: Vec<Value> =
        texts.iter().filter_map(|text| yaml::load(text, "corpus").ok()).map(|document| document.value).collect();
    for _ in 0..ROUNDS {
        let mut bytes = encode(&values[random.random_range(0..values.len())]);
        for _ in 0..random.random_range(1..5) {
            let at = random.random_range(0..bytes.len());
            match random.random_range(0..3) {
                0 => bytes[at] = random.random(),
                1 => bytes.insert(at, random.random()),
                _ => bytes.truncate(at.max(1)),
            }
        }
        if let Ok(value) = timed(&bytes, || decode::<Value>(&bytes, Limits::SESSION)) {
            let again = decode::<Value>(&encode(&value), Limits::SESSION).expect("what was decoded can be encoded");
            assert_eq!(python::repr(&again), python::repr(&value));
        }
    }
}

#[test]
fn damaged_json_is_read_or_refused() {
    let (texts, mut random) = (corpus(), StdRng::seed_from_u64(3));
    let options = JsonOptions::default();
    let documents = texts.iter().filter_map(|text| yaml::load(text, "corpus").ok());
    let jsons: Vec<String> = documents.map(|document| dumps(&document.value, &options)).collect();
    for _ in 0..ROUNDS {
        let text = damaged(&mut random, &jsons);
        if let Ok(value) = timed(&text, || json_load::parse(&text)) {
            let again = json_load::parse(&dumps(&value, &options)).expect("what was read can be written");
            assert_eq!(python::repr(&again), python::repr(&value), "{text:?}");
        }
    }
}
