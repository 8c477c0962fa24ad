//! Command lines of the minion's programs.

mod document;
pub mod saltcall;
pub mod saltminion;
