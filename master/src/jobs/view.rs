//! The ledger of a job as people see it: one state for every target, with its way, from what is kept.

use std::collections::HashMap;

use fleet_common::ids::MinionId;
use fleet_common::proto::api::{Standing, Step, TargetState};

use crate::store::{JobRow, LedgerRow, Stored};

/// How a target stands before anything is heard of it.
pub fn initial(row: &JobRow, id: &MinionId) -> Standing {
    match (row.down.binary_search(id).is_ok(), row.durable) {
        (false, _) => Standing::Sent,
        (true, true) => Standing::Expected,
        (true, false) => Standing::Offline,
    }
}

/// Every target of a job in exactly one state, sorted.
pub fn targets(row: &JobRow, noted: Vec<(MinionId, LedgerRow)>, returns: &[Stored]) -> Vec<TargetState> {
    let mut noted: HashMap<MinionId, LedgerRow> = noted.into_iter().collect();
    let mut targets = Vec::with_capacity(row.expected.len());
    for id in &row.expected {
        let first = initial(row, id);
        let mut steps = vec![Step { state: first, at: row.created }];
        let mut reason = (first == Standing::Offline).then(|| "not connected when the job was published".to_owned());
        if let Some(kept) = noted.remove(id) {
            steps.extend(kept.steps);
            reason = kept.reason;
        }
        if let Ok(at) = returns.binary_search_by(|stored| stored.ret.id.cmp(id)) {
            let stored = &returns[at];
            steps.push(Step { state: Standing::of(&stored.ret), at: stored.at });
            reason = None;
        }
        let state = steps.last().map_or(first, |step| step.state);
        targets.push(TargetState { id: id.clone(), state, steps, reason });
    }
    targets
}
