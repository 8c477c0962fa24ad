//! The master's list of functions without effect agrees with what the minion runs.

use fleet_common::call::{Effect, READ_ONLY};
use fleet_minion::registry;

#[test]
fn the_masters_list_is_the_minions_table() {
    let functions = registry::functions();
    let harmless: Vec<String> = functions
        .rows()
        .filter(|row| row.effect == Effect::None)
        .map(|row| format!("{}.{}", row.module, row.name))
        .collect();
    let missing: Vec<&String> = harmless.iter().filter(|name| !READ_ONLY.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "common/src/call/read_only.rs lacks {missing:#?}");
    // A name too many would let a job with an effect be kept less durably.
    let wrong: Vec<&&str> =
        READ_ONLY.iter().filter(|name| functions.row(name).is_some_and(|row| row.effect == Effect::Changes)).collect();
    assert!(wrong.is_empty(), "these change machines: {wrong:?}");
}
