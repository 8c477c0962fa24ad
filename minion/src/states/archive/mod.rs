//! `archive.*`: what is in an archive, on this machine.

mod check;
mod extracted;
mod owner;
mod unpack;

use super::{PlannedState, StateFunction, StateModule};
use extracted::Extracted;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "archive",
    doc: "What is in an archive, on this machine.",
    reacts: false,
    functions: &[StateFunction {
        name: "extracted",
        doc: "A directory that holds everything that is in an archive.",
        example: "/srv/app: {archive.extracted: [{source: 'salt://app.tar.gz'}]}",
        args: Extracted::ROWS,
        make: |f, a| Ok(Box::new(PlannedState(Extracted::bind(f, a)?))),
    }],
};
