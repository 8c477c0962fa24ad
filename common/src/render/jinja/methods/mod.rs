//! Methods of Python's types, one table a type.

pub(super) mod dict;
mod find;
mod list;
mod number;
mod set;
pub(super) mod str;
mod str_split;

use super::object::MethodCode;

pub(super) use find::{find, names};

type Table = &'static [(&'static str, MethodCode)];
