//! Promises of targets, tried on random expressions and random fleets; a failure names its seed.

use std::borrow::Cow;
use std::sync::Arc;

use fleet_common::ids::MinionId;
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::target::{Matcher, Subject};
use fleet_common::value::{Map, Value};
use fleet_master::grains::{Grains, Packer};
use fleet_master::resolve::Packed;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

const ROUNDS: u64 = 4_000;
const MINIONS: usize = 12;

const KINDS: &[TargetKind] = &[
    TargetKind::Glob,
    TargetKind::Pcre,
    TargetKind::List,
    TargetKind::Grain,
    TargetKind::GrainPcre,
    TargetKind::Pillar,
    TargetKind::PillarPcre,
    TargetKind::PillarExact,
    TargetKind::Ipcidr,
    TargetKind::Nodegroup,
    TargetKind::Compound,
    TargetKind::Compound,
    TargetKind::Compound,
];
const IDS: &[&str] = &["web1", "web02", "web10.prod", "db1", "db-2", "and", "not", "N.a", "G1", "X_x", "n"];
const KEYS: &[&str] = &["os", "roles", "dc", "name", "k:k", "x y", "*", "1", "é", "release", "ipv4", ""];
const TEXTS: &[&str] =
    &["Debian", "web", "6.1.0-18", "12", "1.5", "", "a:b", "x y", "*", "Straße", "None", "10.0.0.1", "\"", "\\", ">=3"];
const PIECES: &[&str] = &[
    "web*",
    "db?",
    "[a-c]*",
    "[1:20]",
    "www[01:12]",
    ";",
    "*",
    "\\d+",
    "(web|db)",
    "os:Deb*",
    "roles:web",
    "dc:name:*",
    "*:x",
    "kernel>=2",
    "os!=Debian",
    "1<5",
    "10.0.0.0/8",
    "::1",
    "fe80::/10",
    "web1,db1",
    ",",
    ":",
    "|",
    "->",
    "@",
    "\"",
    "\\",
    " ",
    "\t",
    "N@webs",
    "G@",
    "X@a:b",
    "L@",
    "[",
    "]",
    "(?i)",
    "$",
    "and",
    "(",
    ")",
    "é",
    "\u{85}",
    "\u{2028}",
];
const OPERATORS: &[&str] = &["and", "or", "not", "and not", "or not", "(", ")", "and (", ") or", "AND"];

struct Plain {
    id: MinionId,
    grains: Map,
    pillar: Map,
    packed: Arc<Grains>,
}

impl Subject for Plain {
    fn id(&self) -> &str {
        self.id.as_str()
    }
    fn grains(&self, _: Option<&[Value]>) -> Option<Cow<'_, Map>> {
        Some(Cow::Borrowed(&self.grains))
    }
    fn pillar(&self) -> Option<&Map> {
        Some(&self.pillar)
    }
}

/// A minion of whom nothing but the id is known.
struct Stranger<'a>(&'a str);

impl Subject for Stranger<'_> {
    fn id(&self) -> &str {
        self.0
    }
    fn grains(&self, _: Option<&[Value]>) -> Option<Cow<'_, Map>> {
        None
    }
    fn pillar(&self) -> Option<&Map> {
        None
    }
}

fn pick<'a>(rng: &mut SmallRng, from: &[&'a str]) -> &'a str {
    from.choose(rng).unwrap()
}

fn data(rng: &mut SmallRng, depth: usize) -> Map {
    (0..rng.random_range(0..6)).map(|_| (pick(rng, KEYS), value(rng, depth))).collect()
}

fn value(rng: &mut SmallRng, depth: usize) -> Value {
    match rng.random_range(0..10) {
        0 | 1 if depth < 3 => Value::Map(data(rng, depth + 1)),
        2 | 3 if depth < 3 => (0..rng.random_range(0..4)).map(|_| value(rng, depth + 1)).collect(),
        4 => Value::Int(rng.random_range(-2..20)),
        5 => Value::Float(1.5),
        6 => Value::from(rng.random_bool(0.5)),
        7 => Value::Null,
        _ => Value::from(pick(rng, TEXTS)),
    }
}

fn fleet(rng: &mut SmallRng) -> Vec<Plain> {
    let mut packer = Packer::default();
    let mut minion = |number: usize| {
        let grains = data(rng, 0);
        let id =
            format!("{}{}", pick(rng, IDS), if number.is_multiple_of(3) { String::new() } else { number.to_string() });
        Plain { id: id.parse().unwrap(), packed: Arc::new(packer.pack(&grains)), grains, pillar: data(rng, 0) }
    };
    (0..MINIONS).map(&mut minion).collect()
}

fn word(rng: &mut SmallRng) -> String {
    let letter = pick(rng, &["", "", "G@", "P@", "I@", "J@", "E@", "S@", "L@", "X@", "G|@", "J->@", "N@", "n@", "Z@"]);
    let text: String = match rng.random_range(0..5) {
        0 => pick(rng, IDS).to_owned(),
        1 => format!("{}:{}", pick(rng, KEYS), pick(rng, TEXTS)),
        2 => format!("{}{}{}", pick(rng, KEYS), pick(rng, &[">=", "<", "==", "!=", ">"]), pick(rng, TEXTS)),
        3 => pick(rng, PIECES).to_owned(),
        _ => (0..rng.random_range(1..4)).map(|_| pick(rng, PIECES)).collect(),
    };
    let text = format!("{letter}{text}");
    if rng.random_bool(0.1) { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) } else { text }
}

fn expression(rng: &mut SmallRng) -> String {
    let mut words = vec![word(rng)];
    for _ in 0..rng.random_range(0..5) {
        words.push(pick(rng, OPERATORS).to_owned());
        words.push(word(rng));
    }
    if rng.random_bool(0.2) {
        words.insert(0, pick(rng, &["not", "("]).to_owned());
    }
    words.join(" ")
}

/// A target that can be read, and what it reads as.
fn target(rng: &mut SmallRng, groups: &Map) -> Option<(Target, Matcher)> {
    let kind = *KINDS.choose(rng).unwrap();
    let expr = match kind {
        TargetKind::Compound => expression(rng),
        TargetKind::Nodegroup => pick(rng, &["webs", "both", "listed"]).to_owned(),
        _ => word(rng),
    };
    let mut target = Target::new(kind, expr);
    target.delimiter = pick(rng, &[":", ":", ":", "|", "->", "é", "a"]).to_owned();
    let matcher = Matcher::parse(&target, groups).ok()?;
    Some((target, matcher))
}

fn groups(rng: &mut SmallRng) -> Map {
    let listed: Value = (0..3).map(|_| Value::from(pick(rng, IDS))).collect();
    let both = format!("N@webs or {}", pick(rng, IDS));
    [("webs", Value::from("web* and not G@os:Debian")), ("both", Value::from(both)), ("listed", listed)]
        .into_iter()
        .collect()
}

/// Does this with every target that can be read, on a fleet of its own; most must be readable.
fn each(mut check: impl FnMut(&str, &Matcher, &[Plain])) {
    let mut read = 0;
    for seed in 0..ROUNDS {
        let rng = &mut SmallRng::seed_from_u64(seed);
        let (fleet, groups) = (fleet(rng), groups(rng));
        if let Some((target, matcher)) = target(rng, &groups) {
            read += 1;
            check(&format!("seed {seed}: {target:?}"), &matcher, &fleet);
        }
    }
    assert!(read > ROUNDS / 3, "{read} of {ROUNDS} could be read");
}

#[test]
fn what_is_printed_reads_as_the_same() {
    each(|what, matcher, fleet| {
        let printed = matcher.to_string();
        let again = Matcher::parse(&Target::new(TargetKind::Compound, printed.as_str()), &Map::new());
        let again = again.unwrap_or_else(|fault| panic!("{what} printed as {printed:?}: {fault}"));
        assert_eq!(again.to_string(), printed, "{what}");
        for minion in fleet {
            let (one, other) = (matcher.matches(minion), again.matches(minion));
            assert_eq!(one, other, "{what} printed as {printed:?} on {} {:?}", minion.id, minion.grains);
        }
    });
}

#[test]
fn master_and_minion_agree() {
    let mut decided = [0, 0];
    each(|what, matcher, fleet| {
        for minion in fleet {
            let own = matcher.decide(minion).unwrap_or_else(|| panic!("{what}: everything is known"));
            // The master without pillar: the same, or it compiles the pillar to say.
            let known = Packed { id: &minion.id, grains: Some(&minion.packed) };
            let told = matcher.decide(&known);
            assert!(told.is_none_or(|told| told == own), "{what} on {}: {told:?} {own}", minion.id);
            assert!(told.is_some() || matcher.needs_pillar(), "{what}");
            decided[usize::from(own)] += 1;
        }
    });
    assert!(decided.iter().all(|count| *count > 1_000), "{decided:?}");
}

/// Whatever is not known yet can only leave a minion out.
#[test]
fn what_is_not_known_never_widens() {
    let mut open = 0;
    each(|what, matcher, fleet| {
        for minion in fleet {
            match matcher.decide(&Stranger(minion.id.as_str())) {
                Some(told) => assert_eq!(Some(told), matcher.decide(minion), "{what} on {}", minion.id),
                None => open += 1,
            }
            assert!(!matcher.reasons(minion).is_empty() || !matcher.matches(minion), "{what} on {}", minion.id);
        }
    });
    assert!(open > 1_000, "{open}");
}
