//! Measures target expressions over a fleet in memory: 50,000 minions with 60 grains each.

use std::borrow::Cow;
use std::time::Instant;

use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::target::{Matcher, Subject};
use fleet_common::value::{Map, Value};

const MINIONS: usize = 50_000;
const GRAINS: usize = 60;
const RUNS: usize = 5;

struct Minion {
    id: String,
    grains: Map,
}

impl Subject for Minion {
    fn id(&self) -> &str {
        &self.id
    }
    fn grains(&self, _: Option<&[Value]>) -> Option<Cow<'_, Map>> {
        Some(Cow::Borrowed(&self.grains))
    }
    fn pillar(&self) -> Option<&Map> {
        None
    }
}

fn minion(number: usize) -> Minion {
    let mut grains = Map::new();
    grains.insert("os", ["Debian", "Ubuntu", "CentOS", "Alpine"][number % 4]);
    grains.insert("osrelease", format!("{}.{}", number % 13, number % 5));
    grains.insert("roles", Value::List(vec![Value::from(["web", "db"][number % 2]), Value::from("base")]));
    let address = format!("10.{}.{}.{}", number / 65_536, number / 256 % 256, number % 256);
    grains.insert("ipv4", Value::List(vec![Value::from("127.0.0.1"), Value::from(address)]));
    let mut place = Map::new();
    place.insert("name", format!("dc{}", number % 7));
    grains.insert("datacenter", Value::Map(place));
    for extra in grains.len()..GRAINS {
        grains.insert(format!("grain{extra}"), format!("value {number}"));
    }
    Minion { id: format!("web{number}.prod.example.com"), grains }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let fleet: Vec<Minion> = (0..MINIONS).map(minion).collect();
    let ids: Vec<&str> = fleet.iter().step_by(10).map(|minion| minion.id.as_str()).collect();
    let ids = ids.join(",");
    let groups = Map::new();
    for (kind, expr) in [
        (TargetKind::Glob, "web*7.prod.*"),
        (TargetKind::Pcre, "web\\d+7\\.prod"),
        (TargetKind::List, ids.as_str()),
        (TargetKind::Grain, "os:Deb*"),
        (TargetKind::Grain, "roles:web"),
        (TargetKind::Grain, "datacenter:name:dc3"),
        (TargetKind::Grain, "nosuch:name:x"),
        (TargetKind::GrainPcre, "osrelease:1[12]\\."),
        (TargetKind::Ipcidr, "10.0.0.0/17"),
        (TargetKind::Compound, "G@os:Debian and not E@web1.* or ( G@roles:db and S@10.0.0.0/16 and P@osrelease:1\\d )"),
    ] {
        let matcher = Matcher::parse(&Target::new(kind, expr), &groups)?;
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..RUNS {
            let start = Instant::now();
            found = fleet.iter().filter(|minion| matcher.matches(*minion)).count();
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        let shown: String = expr.chars().take(60).collect();
        println!("{:>8.1} ms {found:>6} of {MINIONS}  {kind:?} {shown}", times[RUNS / 2]);
    }
    Ok(())
}
