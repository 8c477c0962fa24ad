//! Filters: Jinja's own and those the reference adds. One table a file, looked up by name when a template is compiled.

mod combinatorics;
mod data;
mod find;
mod hash;
mod machine;
mod network;
mod number;
mod select;
mod sequence;
mod serialize;
mod sets;
mod text;
mod time;
mod wrap;

use super::fault::Res;
use super::interpret::{Arguments, Run};
use super::object::Val;

pub(super) use find::{draws_lots, find, near};
pub(super) use serialize::{load_json, load_yaml};
pub(super) use text::escaped;

/// A filter's code: the value it is applied to and the arguments behind its name.
pub(super) type FilterCode = fn(&mut Run<'_>, Val, &mut Arguments) -> Res;

type Table = &'static [(&'static str, FilterCode)];

const TABLES: &[Table] = &[
    combinatorics::FILTERS,
    data::FILTERS,
    hash::FILTERS,
    machine::FILTERS,
    network::FILTERS,
    number::FILTERS,
    select::FILTERS,
    sequence::FILTERS,
    serialize::FILTERS,
    sets::FILTERS,
    text::FILTERS,
    time::FILTERS,
    wrap::FILTERS,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_used_twice() {
        let mut names: Vec<&str> = TABLES.iter().flat_map(|table| table.iter()).map(|(name, _)| *name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
