//! Runs a target: one input after the other, watched.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::mutate;
use super::targets::Target;
use crate::harness::raw::resident_of;

/// Longest time one input may take, in a debug build on a busy machine.
const SLOWEST: Duration = Duration::from_secs(20);
/// By how many MiB a target may grow after its first inputs.
const GROWTH: u64 = 400;
/// Stack of the thread that runs a target, as workers have it.
const STACK: usize = 64 << 20;

/// How long a target runs.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// So many inputs.
    Inputs(u64),
    /// So long.
    Time(Duration),
}

/// What a run of a target came to.
#[derive(Debug)]
pub struct Report {
    /// How many inputs were tried.
    pub inputs: u64,
    /// The slowest of them.
    pub slowest: Duration,
    /// Resident memory after the first hundred inputs and at its highest afterwards, in MiB.
    pub resident: (u64, u64),
}

/// Runs a target; the error names the input that it did not bear. With `keep`, each input is written there before it is
/// tried: what ends the process can be found there.
pub fn run(target: &'static Target, seed: u64, until: Until, keep: Option<PathBuf>) -> Result<Report, String> {
    let work = move || tried(target, seed, until, keep);
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work).map_err(|error| error.to_string())?;
    thread.join().unwrap_or_else(|_| Err("the fuzzer itself failed".to_owned()))
}

fn tried(target: &Target, seed: u64, until: Until, keep: Option<PathBuf>) -> Result<Report, String> {
    let start = Instant::now();
    let resident = || resident_of(std::process::id());
    let (seeds, mut check) = ((target.seeds)(), (target.start)());
    let mut report = Report { inputs: 0, slowest: Duration::ZERO, resident: (resident(), 0) };
    loop {
        match until {
            Until::Inputs(most) if report.inputs >= most => return Ok(report),
            Until::Time(most) if start.elapsed() >= most => return Ok(report),
            _ => {}
        }
        let number = report.inputs;
        let input = mutate::input(&seeds, seed, number);
        if let Some(path) = &keep {
            std::fs::write(path, &input).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let named = |what: &str| {
            let shown = String::from_utf8_lossy(&input).into_owned();
            format!("{}: seed {seed}, input {number} {what}: {shown:?}", target.name)
        };
        let began = Instant::now();
        catch_unwind(AssertUnwindSafe(|| check(&input)))
            .map_err(|_| named("panics"))?
            .map_err(|why| named(&format!("breaks a promise ({why})")))?;
        report.slowest = report.slowest.max(began.elapsed());
        if began.elapsed() > SLOWEST {
            return Err(named(&format!("takes {:?}", began.elapsed())));
        }
        report.inputs += 1;
        if report.inputs == 100 {
            report.resident = (resident(), 0);
        } else if report.inputs.is_multiple_of(100) {
            report.resident.1 = report.resident.1.max(resident());
            if report.resident.1 > report.resident.0 + GROWTH {
                return Err(named(&format!("ends a growth from {} to {} MiB", report.resident.0, report.resident.1)));
            }
        }
    }
}
