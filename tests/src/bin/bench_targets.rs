//! Measures targets over the master's cache of grains: 50,000 minions with 60 grains each, memory and time.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use fleet_common::ids::MinionId;
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::target::Matcher;
use fleet_common::value::{Map, Value};
use fleet_master::grains::Packer;
use fleet_master::minions::AllGrains;
use fleet_master::resolve::Packed;

const MINIONS: usize = 50_000;
const GRAINS: usize = 60;
const RUNS: usize = 5;

fn minion(number: usize) -> (String, Map) {
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
    (format!("web{number}.prod.example.com"), grains)
}

/// Memory of this process in MiB.
fn resident() -> Result<f64, Box<dyn std::error::Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let before = resident()?;
    let (mut packer, mut known, mut accepted) = (Packer::default(), AllGrains::new(), Vec::<MinionId>::new());
    for number in 0..MINIONS {
        let (id, grains) = minion(number);
        let id: MinionId = id.parse()?;
        known.insert(id.clone(), Arc::new(packer.pack(&grains)));
        accepted.push(id);
    }
    println!(
        "{:>8.1} MiB for the grains of {MINIONS} minions with {GRAINS} each (budget 400 MiB)",
        resident()? - before
    );
    let ids: Vec<&str> = accepted.iter().step_by(10).map(MinionId::as_str).collect();
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
        (TargetKind::Grain, "*:dc3"),
        (TargetKind::GrainPcre, "osrelease:1[12]\\."),
        (TargetKind::Ipcidr, "10.0.0.0/17"),
        (TargetKind::Compound, "G@os:Debian and not E@web1.* or ( G@roles:db and S@10.0.0.0/16 and P@osrelease:1\\d )"),
    ] {
        let matcher = Matcher::parse(&Target::new(kind, expr), &groups)?;
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..RUNS {
            let start = Instant::now();
            let meant = |id: &&MinionId| matcher.matches(&Packed { id, grains: known.get(*id) });
            found = accepted.iter().filter(meant).cloned().collect::<Vec<_>>().len();
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        let budget = if kind == TargetKind::Compound { 150 } else { 50 };
        let shown: String = expr.chars().take(60).collect();
        println!("{:>8.1} ms {found:>6} of {MINIONS}  {kind:?} {shown} (budget {budget} ms)", times[RUNS / 2]);
    }
    Ok(())
}
