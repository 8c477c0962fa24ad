//! Command lines of the minion's programs.

mod idle;
pub mod saltcall;
pub mod saltminion;
