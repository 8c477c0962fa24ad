//! Command lines of the minion's programs.

pub mod saltcall;
pub mod saltminion;
