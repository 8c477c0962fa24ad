//! `test.*`: functions that answer, echo, wait or fail on purpose.

pub mod answers;
pub mod chance;
pub mod failures;
pub mod versions;

use std::convert::Infallible;

use crate::args;
use crate::call::{Facts, Function};

/// What the module is for.
const DOC: &str = "Functions that answer, echo, wait or fail on purpose.";

type Row = Function<dyn Facts, Infallible>;

args! {
    /// Arguments of functions that take none.
    pub struct Nothing {}
}
