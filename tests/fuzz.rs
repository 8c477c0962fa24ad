//! Each fuzz target for a moment, with the same inputs every time; `fuzz --seconds 240` looks longer.

use fleet_tests::fuzz::{Until, run, targets};

#[test]
fn parsers_bear_mutated_inputs() {
    for target in targets() {
        let report = run(target, 1, Until::Inputs(1500), None).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(report.inputs, 1500, "{}", target.name);
    }
}
