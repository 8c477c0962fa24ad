//! Running many cases on all cores and counting them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{AREAS, Case, Verdict};

/// Counts of one area.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AreaCount {
    /// As the reference.
    pub passed: usize,
    /// Different.
    pub failed: usize,
    /// Not there yet.
    pub unsupported: usize,
}

/// What a run gave.
pub struct Outcome {
    /// Counts by area.
    pub areas: BTreeMap<String, AreaCount>,
    /// Every case's verdict, in the order of the cases.
    pub verdicts: Vec<(String, Verdict)>,
}

/// Runs the cases; a panic of the code under test is a failure of its case.
pub fn run_all(cases: &[Case]) -> Outcome {
    let next = AtomicUsize::new(0);
    let verdicts: Mutex<Vec<Option<Verdict>>> = Mutex::new(vec![None; cases.len()]);
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            // Deep templates need more stack than a thread has by default.
            let work = || {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = verdict(case);
                    let index = cases.iter().position(|other| std::ptr::eq(other, case)).unwrap_or(0);
                    verdicts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[index] = Some(verdict);
                }
            };
            std::thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, work).expect("threads can be started");
        }
    });
    let verdicts = verdicts.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut areas: BTreeMap<String, AreaCount> = BTreeMap::new();
    let mut named = Vec::with_capacity(cases.len());
    for (case, verdict) in cases.iter().zip(verdicts) {
        let verdict = verdict.unwrap_or_else(|| Verdict::Fail("it was not run".to_owned()));
        let count = areas.entry(case.area.clone()).or_default();
        match verdict {
            Verdict::Pass => count.passed += 1,
            Verdict::Fail(_) => count.failed += 1,
            Verdict::Unsupported(_) => count.unsupported += 1,
        }
        named.push((case.id.clone(), verdict));
    }
    Outcome { areas, verdicts: named }
}

fn verdict(case: &Case) -> Verdict {
    let Some(area) = AREAS.iter().find(|area| area.name == case.area) else {
        return Verdict::Unsupported(format!("area {} has no code", case.area));
    };
    catch_unwind(AssertUnwindSafe(|| (area.run)(case))).unwrap_or_else(|panic| {
        let text =
            panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        Verdict::Fail(format!("panic: {}", text.unwrap_or_default()))
    })
}
