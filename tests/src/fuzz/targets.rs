//! What is fuzzed: one row a parser, in the files of their subjects.

use super::{archives, disk, language, rules, wire};

/// A parser and what it is fed with.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// How many inputs the suite gives it: about four seconds of one core, in a debug build.
    pub inputs: u64,
    /// Inputs to begin with: they mean something to it.
    pub(super) seeds: fn() -> Vec<Vec<u8>>,
    /// Makes what checks one input; it answers which promise was broken, or panics.
    pub(super) start: fn() -> Check,
}

/// Checks one input.
pub(super) type Check = Box<dyn FnMut(&[u8]) -> Result<(), String>>;

/// All of them.
pub fn targets() -> impl Iterator<Item = &'static Target> {
    [language::TARGETS, wire::TARGETS, rules::TARGETS, disk::TARGETS, archives::TARGETS].into_iter().flatten()
}

/// A directory of a check's own, in memory where there is one: what is written there is synced at every input.
pub(super) fn scratch() -> tempfile::TempDir {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    dir.expect("a temporary directory can be made")
}

/// A check that says by a panic what it does not bear.
pub(super) fn plain(run: fn(&[u8])) -> Check {
    Box::new(move |input| {
        run(input);
        Ok(())
    })
}

/// Texts as inputs.
pub(super) fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
