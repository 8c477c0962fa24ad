//! What the minion has begun, finished and had acknowledged, on disk: the reason a job starts at most once.
//!
//! One append-only file of framed records (`record`), what they add up to (`ledger`), and the file itself (`file`).
//! A torn end is cut off, a damaged middle is stepped over, acknowledged work is dropped by rewriting the file.
//! Knows nothing of sessions, workers or clocks: times come in as the master's milliseconds since 1970.

mod file;
mod ledger;
mod record;
#[cfg(test)]
mod tests;

pub use file::{BeginError, Journal, JournalError, Limits, Recovered};
pub use ledger::{Standing, interrupted};
pub use record::{Begun, Chunk};
