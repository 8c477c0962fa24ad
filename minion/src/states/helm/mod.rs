//! `helm.*`: repositories of charts, and what is installed of charts in a cluster.

mod release;
mod repo;

use crate::states::StateModule;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "helm",
    doc: "Charts of Kubernetes, through Helm.",
    reacts: false,
    functions: &[release::ABSENT, release::PRESENT, repo::MANAGED, repo::UPDATED],
};
