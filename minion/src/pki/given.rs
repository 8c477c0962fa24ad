//! Values of extensions as trees write them: a string in the form of OpenSSL's, a list, or a mapping.

use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::{PkiResult, nonsense};

/// The word that says that who does not know an extension must refuse the certificate.
const CRITICAL: &str = "critical";

/// The value of an extension.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// Whether who does not know the extension must refuse the certificate.
    pub critical: bool,
    items: Vec<Value>,
    map: Option<Map>,
}

impl Given {
    /// Takes `critical` out of a value.
    pub fn new(value: &Value) -> Self {
        let is_critical = |item: &Value| item.as_str().is_some_and(|text| text.eq_ignore_ascii_case(CRITICAL));
        match value {
            Value::Map(map) => {
                let mut map = map.clone();
                let critical = map.remove(CRITICAL).is_some_and(|said| said.truthy());
                Self { critical, items: Vec::new(), map: Some(map) }
            }
            Value::List(items) => {
                let rest = items.iter().filter(|item| !is_critical(item)).cloned().collect();
                Self { critical: items.iter().any(is_critical), items: rest, map: None }
            }
            Value::Str(text) => {
                // Lists are parted by commas; `critical CA:false`, without one, is common too.
                let text = text.trim();
                let after = text.strip_prefix(CRITICAL).filter(|rest| rest.starts_with([' ', ',']));
                let rest = after.map(|rest| rest.trim_start_matches([' ', ','])).unwrap_or(text);
                let parts = rest.split(',').map(str::trim).filter(|part| !part.is_empty());
                let items: Vec<Value> = parts.map(Value::from).collect();
                let critical = after.is_some() || text == CRITICAL || items.iter().any(is_critical);
                Self { critical, items: items.into_iter().filter(|item| !is_critical(item)).collect(), map: None }
            }
            other => Self { critical: false, items: vec![other.clone()], map: None },
        }
    }

    /// The mapping, if it is one.
    pub fn map(&self) -> Option<&Map> {
        self.map.as_ref()
    }

    /// The items of a list; for a mapping of words to truth values the words that are true.
    pub fn items(&self) -> Vec<Value> {
        match &self.map {
            Some(map) => map.iter().filter(|(_, on)| on.truthy()).map(|(word, _)| word.clone()).collect(),
            None => self.items.clone(),
        }
    }

    /// The items as words; those of a string may be parted by spaces, too.
    pub fn words(&self) -> Vec<String> {
        self.items()
            .iter()
            .flat_map(|item| str_(item).split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    /// `CA:TRUE, pathlen:1` or a mapping, as pairs with lower-case keys.
    pub fn pairs(&self, extension: &str) -> PkiResult<Vec<(String, Value)>> {
        if let Some(map) = &self.map {
            return Ok(map.iter().map(|(key, value)| (str_(key).to_ascii_lowercase(), value.clone())).collect());
        }
        let pair = |item: &String| match item.split_once(':') {
            Some((key, value)) => Ok((key.trim().to_ascii_lowercase(), Value::from(value.trim()))),
            None => nonsense(format!("{extension}: '{item}' is not of the form KEY:VALUE")),
        };
        self.words().iter().map(pair).collect()
    }
}

/// A truth value of a tree, in a string too.
pub(super) fn truth(extension: &str, value: &Value) -> PkiResult<bool> {
    match (value, str_(value).to_ascii_lowercase().as_str()) {
        (Value::Bool(on), _) => Ok(*on),
        (_, "true" | "yes" | "1") => Ok(true),
        (_, "false" | "no" | "0") => Ok(false),
        (_, other) => nonsense(format!("{extension}: '{other}' is neither true nor false")),
    }
}

/// A number of a tree, in a string too.
pub(super) fn number<T: TryFrom<i64>>(extension: &str, value: &Value) -> PkiResult<T> {
    let number = value.as_int().or_else(|| str_(value).trim().parse().ok());
    match number.and_then(|number| T::try_from(number).ok()) {
        Some(number) => Ok(number),
        None => nonsense(format!("{extension}: '{}' is no number that it can hold", str_(value))),
    }
}

/// A list, or the one item of it.
pub(super) fn listed(value: &Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.clone(),
        Value::Null => Vec::new(),
        other => vec![other.clone()],
    }
}
