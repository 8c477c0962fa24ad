//! A short campaign of faults; long ones are run by the program of that name.

use fleet_tests::campaign::{Campaign, CampaignOptions};

#[test]
fn nothing_is_lost_run_twice_or_forged_in_fifteen_rounds_of_faults() {
    let outcome = Campaign::new(CampaignOptions { seed: 7, rounds: 15, minions: 3, verbose: false }).run();
    assert!(outcome.is_good(), "{outcome:#?}");
    assert!(outcome.starts > 0 && outcome.states.get("finished").is_some_and(|count| *count > 0), "{outcome:#?}");
}
