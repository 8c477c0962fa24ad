//! The passes in their order, as the entry points use them.

use super::chunk::Chunk;
use super::context::{Context, Matches, Options};
use super::declaration::{High, Home};
use super::fault::{Fault, Source};
use super::sls::Rendered;
use super::{extend, high, include, lower, order, requisite};
use crate::value::Value;
use crate::yaml::Marks;

/// Renders what `matches` asks for into high data. The faults say what could not be used.
pub fn render(context: &Context, matches: &Matches) -> (High, Vec<Fault>) {
    include::render_all(context, matches)
}

/// Reads high data that a call handed in; `name` stands for a file name in diagnostics, `marks` may be empty.
pub fn read(options: &Options, data: Value, marks: &Marks, name: &str) -> (High, Vec<Fault>) {
    let source = std::sync::Arc::new(Source { name: name.to_owned(), text: String::new() });
    let rendered = Rendered { value: data, marks: marks.clone(), source, is_init: false };
    include::from_data(options, rendered, &Home::default())
}

/// Checks the form of high data, without extensions and requisites (`show_sls`, `show_low_sls`).
pub fn verify(high: &High) -> Vec<Fault> {
    high::verify(high)
}

/// Chunks of high data as it stands: no extensions, no exclusions, no requisites from elsewhere (`show_low_sls`).
pub fn chunks(high: &High) -> Vec<Chunk> {
    order::order(lower::lower(high))
}

/// All passes from high data to chunks in run order: extend, verify, requisites, exclude, lower, order.
///
/// `faults` are those of rendering; all faults of the tree come back together.
pub fn low(options: &Options, mut high: High, mut faults: Vec<Fault>) -> Result<Vec<Chunk>, Vec<Fault>> {
    faults.extend(extend::extend(&mut high));
    faults.extend(high::verify(&high));
    faults.extend(requisite::distribute(&mut high, &options.disabled_requisites));
    requisite::exclude(&mut high);
    if faults.is_empty() { Ok(chunks(&high)) } else { Err(faults) }
}
