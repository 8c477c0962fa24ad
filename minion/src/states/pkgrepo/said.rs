//! What the states of sources say, whoever manages packages.

use fleet_common::call::CallError;

use crate::states::{Failure, Plan, Report};

/// What a dry run adds.
pub(super) const WARNING: &str = "This may cause pkg states to behave differently than stated if this action is repeated without \
                       test=True, due to the differences in the configured repositories.";

/// The source is as asked.
pub(super) fn already<T>(name: &str) -> Plan<T> {
    Plan::Nothing(Report::new(format!("Package repo '{name}' already configured")))
}

/// The source cannot be as asked.
pub(super) fn refused(name: &str, error: &CallError) -> Failure {
    Failure::new(format!("Failed to configure repo '{name}': {error}"))
}
