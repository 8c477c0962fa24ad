//! State functions: each plans what differs from what was asked, and applies that plan.
//!
//! A plan is made with a context that can only read, so a dry run cannot change a machine; only the runner knows
//! whether a plan is applied. One file a state module, one row here.

mod bind;
mod plan;
mod table;

pub mod cmd;
pub mod file;
pub mod test;

pub use bind::bind;
pub use plan::{
    AnyState, Applied, Failure, OpaqueRun, OpaqueState, Plan, PlannedState, Report, Run, RunNotes, State, StateResult,
    Trigger,
};
pub use table::{StateFunction, StateModule, States};

/// All state modules, in any order.
pub const STATES: &[&StateModule] = &[&cmd::STATE, &file::STATE, &test::STATE];
