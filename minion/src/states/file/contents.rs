//! The text of a file from `contents`, `contents_pillar` or `contents_grains`.

use fleet_common::call::Facts;
use fleet_common::value::path::traverse;
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use crate::cx::Look;
use crate::states::Failure;

/// Where the text comes from, as written in the tree.
pub struct Sources<'a> {
    /// `contents`.
    pub contents: Option<&'a Value>,
    /// `contents_pillar`: one key or a list of keys.
    pub pillar: &'a [String],
    /// `contents_grains`: likewise.
    pub grains: &'a [String],
    /// Between the parts of a key.
    pub delimiter: &'a str,
    /// End the text with a newline.
    pub newline: bool,
}

/// The bytes of the file; `None` when no source of text is given.
pub fn resolve(look: &Look, sources: &Sources<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let value = if !sources.pillar.is_empty() {
        looked_up(&look.pillar(), sources.pillar, sources.delimiter, "Pillar")?
    } else if !sources.grains.is_empty() {
        looked_up(&look.grains(), sources.grains, sources.delimiter, "Grain")?
    } else {
        match sources.contents {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value.clone(),
        }
    };
    match value {
        // A key without a value: nothing is declared.
        Value::Null => Ok(None),
        // What comes from outside the tree is a plain mapping, printed as one.
        Value::Map(map) if sources.contents.is_none() => Ok(Some(format!("{}\n", str_(&Value::Map(map))).into_bytes())),
        Value::Bytes(bytes) => Ok(Some(bytes)),
        value => text(&value, sources.newline).map(|text| Some(text.into_bytes())),
    }
}

fn looked_up(data: &Map, keys: &[String], delimiter: &str, what: &str) -> Result<Value, Failure> {
    let data = Value::Map(data.clone());
    let mut found = Vec::new();
    for key in keys {
        match traverse(&data, key, delimiter) {
            Some(Value::List(items)) => found.extend(items.iter().cloned()),
            Some(value) => found.push(value.clone()),
            None => return Err(Failure::new(format!("{what} {key} does not exist"))),
        }
    }
    Ok(if found.len() == 1 { found.remove(0) } else { Value::List(found) })
}

fn text(value: &Value, newline: bool) -> Result<String, Failure> {
    let parts: Vec<String> = match value {
        Value::List(items) if items.is_empty() => {
            return Err(Failure::new(
                "Contents specified by contents/contents_pillar/contents_grains is not a string or list of strings, \
                 and is not binary data. SLS is likely malformed.",
            ));
        }
        Value::List(items) => items.iter().map(written).collect(),
        other => vec![written(other)],
    };
    let mut text = String::new();
    for line in parts.iter().flat_map(|part| part.lines()) {
        text.push_str(line.trim_end_matches('\r'));
        text.push('\n');
    }
    if !newline {
        text.truncate(text.trim_end_matches('\n').len());
    }
    Ok(text)
}

/// A part as Python's `str()` prints it; mappings of a tree are ordered ones there.
fn written(value: &Value) -> String {
    match value {
        Value::Map(map) => {
            let pairs: Vec<String> = map.iter().map(|(k, v)| format!("({}, {})", nested(k), nested(v))).collect();
            if pairs.is_empty() { "OrderedDict()".to_owned() } else { format!("OrderedDict([{}])", pairs.join(", ")) }
        }
        other => str_(other),
    }
}

fn nested(value: &Value) -> String {
    if matches!(value, Value::Map(_)) { written(value) } else { fleet_common::value::python::repr(value) }
}
