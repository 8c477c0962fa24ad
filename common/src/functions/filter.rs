//! What `grains.filter_by`, `pillar.filter_by` and `match.filter_by` share: picking an entry, then base and merge.

use crate::call::CallError;
use crate::target::glob;
use crate::value::{Map, Value, merge, python};

/// What is done with the entry that was found.
pub(super) struct Around<'a> {
    /// Key of the entry taken when none was found.
    pub default: &'a str,
    /// Key of the entry that the found one is merged over.
    pub base: Option<&'a str>,
    /// Mapping that is merged over the found one.
    pub merge: Option<&'a Value>,
    /// Joins lists while merging.
    pub merge_lists: bool,
}

/// The entry whose key is a shell pattern of a value, or of one of a list of them.
pub(super) fn by_value(lookup: &Map, value: &Value, around: &Around<'_>) -> Result<Value, CallError> {
    let single = std::slice::from_ref(value);
    let values = value.as_list().unwrap_or(single);
    let fits = |value: &Value| {
        let text = python::str_(value);
        let entry = lookup.iter().find(|(key, _)| glob::matches(&python::str_(key), &text));
        entry.map(|(_, entry)| entry.clone()).filter(|entry| !entry.is_null())
    };
    finish(lookup, values.iter().find_map(fits), around)
}

/// Merges the found entry of `lookup` with its base and what the caller gave.
pub(super) fn finish(lookup: &Map, found: Option<Value>, around: &Around<'_>) -> Result<Value, CallError> {
    let found = found.filter(|value| !value.is_null());
    let mut value = found.or_else(|| lookup.get(around.default).cloned()).unwrap_or_default();
    if let Some(base) = around.base.and_then(|base| lookup.get(base)) {
        if value.is_null() {
            value = base.clone();
        } else if let Value::Map(base) = base {
            let Value::Map(over) = &value else {
                return Err(refused("filter_by default and look-up values must both be dictionaries."));
            };
            let mut merged = base.clone();
            merge::update(&mut merged, over, around.merge_lists);
            value = Value::Map(merged);
        }
    }
    let Some(over) = around.merge.filter(|over| over.truthy()) else { return Ok(value) };
    let Value::Map(over) = over else { return Err(refused("filter_by merge argument must be a dictionary.")) };
    match &mut value {
        Value::Null => value = Value::Map(over.clone()),
        Value::Map(base) => merge::update(base, over, around.merge_lists),
        other => {
            let text = format!("filter_by cannot merge a dictionary over {}", python::repr(other));
            return Err(CallError::Failed(text));
        }
    }
    Ok(value)
}

fn refused(text: &str) -> CallError {
    CallError::Failed(text.to_owned())
}
