//! Pillar: top file + SLS files + facts → the data of one minion. Used by the master and by `saltcall --local`.
//!
//! ```text
//! let pillar = compile(&renderer, &files, facts, &Options::from_opts(&opts));
//! let data = pillar.into_result()?;     // a pillar with faults holds the run
//! ```
//!
//! Pure: files come through a `FileSource`, templates see a minion's facts and the pillar compiled so far, and call
//! functions without effect on a machine only.

mod compile;
mod facts;
mod fault;
mod options;
mod top;

pub use compile::{Believed, Pillar, compile, top};
pub use fault::{Fault, Refused};
pub use options::{Options, Wanted};
