//! The state compiler and the walk over its chunks: text and facts in, chunks and results out. Executes nothing itself.
//!
//! A compilation has a [`Context`] (renderer, files, facts, [`Options`]) and runs the passes of the language, one a
//! file, in this order: `top` (which SLS files) → `sls` (render, split) → `include` (the files together: [`High`]) →
//! `extend` → `high` (checks) → `requisite` (`…_in`, `use`, `prereq`, `exclude`) → `lower` ([`Chunk`]s) → `order`.
//!
//! ```text
//! let context = Context::new(&renderer, &files, facts, Options::from_opts(&opts));
//! let top = top(&context);                                  // or matches_of(&context, &["web".into()])
//! let (high, faults) = render(&context, &top.matches);      // state.sls refuses here when faults is not empty
//! let chunks = low(&context.options, high, faults)?;        // Err: all faults of the tree; texts(&faults) is the return
//! let report = run(&runner, &chunks, &RunOptions { .. });   // runner: your ChunkRunner
//! ```
//!
//! High data and chunks that a call hands in come through [`read`] (`state.high`, `state.template_str`) and [`chunk`]
//! (`state.low`, `state.single`); [`show::sls_id`] and [`RunOptions::only`] run one ID; [`High::exclude`] is `exclude=`.
//!
//! Every [`Fault`] has the reference's wording (`text`) and a diagnostic with file, line, column and hints. `show`
//! answers the functions `state.show_*`, `sls_exists` and `id_exists` whole.

mod chunk;
mod circle;
mod compile;
mod context;
mod declaration;
mod extend;
mod fault;
mod graph;
mod high;
mod include;
mod listen;
mod lower;
mod missing;
mod order;
mod provisional;
mod requisite;
mod result;
mod run;
pub mod show;
mod sls;
mod status;
mod top;
mod walk;

pub use chunk::{Chunk, Order, is_option, tag};
pub use compile::{chunk, chunks, low, read, render, verify};
pub use context::{Context, Matches, Options, TopMerging};
pub use declaration::{Argument, Arguments, Body, Declaration, Exclude, High, Home, StateDeclaration};
pub use fault::{Fault, Source, Spot, first_texts, texts};
pub use provisional::PROVISIONAL;
pub use requisite::{InKeyword, Keyword};
pub use result::{ChunkResult, Outcome, Report, no_states, not_available};
pub use run::{ChunkRunner, Invocation, Job, Mode, RunOptions, Start, run};
pub use sls::why_not_rendered;
pub use top::{Top, top};
