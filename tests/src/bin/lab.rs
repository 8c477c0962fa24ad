//! `cargo lab`: real Debian hosts, our minion as a unit in them, scenarios as timelines.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use fleet_tests::lab::shows::SHOWS;
use fleet_tests::lab::{CANNOT, Fault, Host, Lab, Missing, Options, Scenario, check_tools, run_scenario};

/// Start real hosts and run the shows and scenarios on them. Needs root.
#[derive(Parser)]
#[command(
    name = "lab",
    after_help = "Examples:
  cargo lab                    four hosts, everything
  cargo lab -- --small         two hosts: what the suite runs
  cargo lab -- nginx file      what has these words in its name
  cargo lab -- --keep nothing  start the hosts, run nothing, stay until Ctrl-C
Exit status: 0 all succeeded, 1 something failed or a program is missing, 77 this user or machine may not."
)]
struct Arguments {
    /// Only shows and scenarios with one of these words in their names.
    names: Vec<String>,
    /// Two hosts instead of four.
    #[arg(long)]
    small: bool,
    /// Leave everything running at the end and say how to look at it, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Make the image of the hosts again.
    #[arg(long)]
    fresh: bool,
    /// Print the names and what they show.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse_from(fleet_tests::arguments());
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default();
    if !arguments.list
        && let Err(missing) = check_tools()
    {
        eprintln!("lab: {missing}");
        return if matches!(missing, Missing::Rights(_)) { ExitCode::from(CANNOT) } else { ExitCode::FAILURE };
    }
    match run(&arguments, &workspace) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("lab: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments, workspace: &Path) -> Result<bool, Fault> {
    let mut scenarios = Scenario::all(&workspace.join("tests/lab-scenarios"))?;
    let wanted =
        |name: &str| arguments.names.is_empty() || arguments.names.iter().any(|word| name.contains(word.as_str()));
    scenarios.retain(|scenario| wanted(&scenario.name));
    let shows: Vec<_> = SHOWS.iter().filter(|(name, ..)| wanted(name)).collect();
    if arguments.list {
        shows.iter().for_each(|(name, about, _)| println!("{name:24} {about}"));
        scenarios.iter().for_each(|scenario| println!("{:24} {}", scenario.name, scenario.about));
        return Ok(true);
    }
    if !build(workspace) {
        return Ok(false);
    }
    let names: &[&str] =
        if arguments.small { &["www-01", "www-11"] } else { &["www-01", "www-02", "www-11", "www-12"] };
    let start = Instant::now();
    let options = Options { hosts: names.iter().map(|name| (*name).to_owned()).collect(), fresh: arguments.fresh };
    let mut lab = Lab::start(&options, workspace)?;
    println!("{} hosts are up after {:.0} s", lab.hosts.len(), start.elapsed().as_secs_f64());
    let mut tally = Tally::default();
    for (name, about, show) in shows {
        let start = Instant::now();
        let shown = show(&mut lab);
        tally.count(name, about, start.elapsed(), shown);
    }
    side_by_side(&lab, &scenarios, &mut tally);
    println!("lab: {} passed, {} failed, {:.0} s", tally.passed, tally.failed, start.elapsed().as_secs_f64());
    if arguments.keep {
        stay(&lab);
    }
    Ok(tally.failed == 0)
}

/// Runs scenarios on all hosts at once, each on the first that is free.
fn side_by_side(lab: &Lab, scenarios: &[Scenario], tally: &mut Tally) {
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(tally));
    let work = |host: &Host| {
        while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
            let start = Instant::now();
            let shown = run_scenario(lab, host, scenario);
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.count(&scenario.name, &scenario.about, start.elapsed(), shown);
        }
    };
    std::thread::scope(|scope| lab.hosts.iter().for_each(|host| drop(scope.spawn(|| work(host)))));
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    fn count(&mut self, name: &str, about: &str, took: Duration, shown: Result<(), Fault>) {
        let took = took.as_secs_f64();
        match shown {
            Ok(()) => {
                self.passed += 1;
                println!("ok      {name:20} {took:5.1} s  {about}");
            }
            Err(fault) => {
                self.failed += 1;
                println!("FAILED  {name:20} {took:5.1} s  {about}\n{fault}");
            }
        }
    }
}

fn build(workspace: &Path) -> bool {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "-q", "-p", "fleet-master", "-p", "fleet-minion", "--bins"]);
    let status = command.current_dir(workspace).stdin(Stdio::null()).status();
    matches!(status, Ok(status) if status.success())
}

/// Says how to use the running lab and waits; Ctrl-C clears it.
fn stay(lab: &Lab) {
    println!("\nmaster:  target/debug/saltctl -c {} '*' test.ping", lab.fleet.master_config_dir().display());
    println!("tree:    {}", lab.srv().display());
    for host in &lab.hosts {
        println!("{}:  {}  {}", host.name, host.address, host.enter());
    }
    println!("Ctrl-C ends everything.");
    loop {
        std::thread::park();
    }
}
