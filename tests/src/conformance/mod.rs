//! Recorded cases of the reference implementation, run against the real code.
//!
//! The format is described in `tests/conformance/README.md`. One file an area; no file knows single cases.

mod case;
mod cli;
mod compare;
mod compile;
mod exec;
mod jinja;
mod minion;
mod output;
mod report;
mod run;
mod salt_key;
mod scratch;
mod targeting;
mod yaml;

pub use case::{Case, Verdict, load};
pub use compare::{compare, compare_ordered};
pub use report::{AreaCount, Outcome, run_all};
pub use scratch::Scratch;

/// An area of cases and the code that runs one of them.
pub struct Area {
    /// Directory name and first part of the case ids.
    pub name: &'static str,
    /// Runs one case.
    pub run: fn(&Case) -> Verdict,
}

/// The areas that have code.
pub const AREAS: &[Area] = &[
    Area { name: "cli", run: cli::run },
    Area { name: "compile", run: compile::run },
    Area { name: "exec", run: exec::run },
    Area { name: "jinja", run: jinja::run },
    Area { name: "output", run: output::run },
    Area { name: "run", run: run::run },
    Area { name: "targeting", run: targeting::run },
    Area { name: "yaml", run: yaml::run },
];
