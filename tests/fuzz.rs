//! Each fuzz target for some seconds, with the same inputs every time; `fuzz --seconds 240` looks longer.

use std::sync::Mutex;

use fleet_tests::fuzz::{Until, run, targets};

#[test]
fn parsers_bear_mutated_inputs() {
    // Two at a time; whoever is done takes the next.
    let waiting = Mutex::new(targets());
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.next());
    let work = || {
        while let Some(target) = next() {
            let report = run(target, 1, Until::Inputs(target.inputs), None).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(report.inputs, target.inputs, "{}", target.name);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(work);
        }
    });
}
