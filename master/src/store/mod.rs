//! What the master keeps: jobs, returns and what minions tell of themselves. The only user of sled.
//!
//! One thread writes ([`writer`]): what is queued is committed together as soon as the last commit ended, without a
//! timer. A write is acknowledged after it survives a killed process, and a durable one after it survives a power
//! cut too: it is noted in a file beside the engine's own ([`redo`]), which is brought to disk now and then ([`database`]). Jobs and returns live in one directory per UTC
//! day of their arrival ([`days`]), or several when there are many, dropped whole by retention; minion data has its
//! own database. After an error of the disk a database is opened again ([`slot`]), and jobs that were
//! refused with it are removed ([`refused`]). Returns that nobody asked for have a quota ([`unsolicited`]). Values over 64 KiB are split in
//! rows ([`rows`]). Knows nothing of sockets, keys or targets.

mod database;
mod days;
mod error;
mod handle;
mod jobs;
mod mine;
mod minions;
mod redo;
mod refused;
mod rows;
mod slot;
#[cfg(test)]
mod tests;
mod unsolicited;
mod writer;

pub use error::StoreError;
pub use handle::{Commit, Store, StoreOptions};
pub use jobs::{JobRow, JobSummary, LedgerRow, Note, Recorded, Stored};
pub use mine::{Change, MineRow};
pub use minions::GrainsRow;
