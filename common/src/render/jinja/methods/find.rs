//! Looking a method of a value up.

use super::super::attribute::object_method;
use super::super::object::{MethodCode, Val};
use super::{Table, dict, list, number, set, str};

/// A method of a value: its name and code.
pub(in super::super) fn find(value: &Val, name: &str) -> Option<(&'static str, MethodCode)> {
    if let Val::Object(object) = value {
        return object_method(object, name);
    }
    table(value).iter().find(|(known, _)| *known == name).copied()
}

/// The names of a value's methods.
pub(in super::super) fn names(value: &Val) -> impl Iterator<Item = &'static str> {
    table(value).iter().map(|(name, _)| *name)
}

fn table(value: &Val) -> Table {
    match value {
        Val::Str(_) => str::METHODS,
        Val::List(_) => list::METHODS,
        Val::Tuple(_) => list::TUPLE_METHODS,
        Val::Dict(_) => dict::METHODS,
        Val::Set(_) => set::METHODS,
        Val::Bytes(_) => str::BYTES_METHODS,
        Val::Int(_) | Val::Big(_) | Val::Bool(_) => number::INT_METHODS,
        Val::Float(_) => number::FLOAT_METHODS,
        Val::Undefined(_) | Val::None | Val::Object(_) => &[],
    }
}
