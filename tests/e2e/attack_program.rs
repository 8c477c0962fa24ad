//! The program `attack`, in short: whatever a minion, a peer on the network and a restricted operator try is in vain, breaks
//! nothing and is counted.

use fleet_tests::attack::{Outcome, Part, play};

fn in_vain(part: Part, attempts: u64) {
    let mut outcome = Outcome::default();
    play(part, true, &mut outcome);
    assert!(outcome.is_good(), "{}", outcome.table());
    assert!(outcome.sums().attempts > attempts || !outcome.skipped.is_empty(), "{}", outcome.table());
}

#[test]
fn a_minion_in_the_wrong_hands_gets_nothing() {
    in_vain(Part::Minion, 250);
}

#[test]
fn a_peer_on_the_network_gets_nothing() {
    in_vain(Part::Network, 1000);
}

#[test]
fn a_restricted_operator_gets_nothing() {
    in_vain(Part::Operator, 100);
}
