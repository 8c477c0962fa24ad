//! A chunk: one state function with its arguments, ready to run.

use std::sync::Arc;

use super::fault::Spot;
use super::requisite::Keyword;
use crate::value::{Map, Value};
use crate::yaml::Mark;

/// One state function with its arguments.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The state module (`file`).
    pub state: String,
    /// The function (`managed`).
    pub fun: String,
    /// The ID it was declared under.
    pub id: String,
    /// Its name: the ID unless it says otherwise.
    pub name: String,
    /// The SLS it was declared in; none for data that was handed in by a call.
    pub sls: Option<Arc<str>>,
    /// The environment of that SLS.
    pub env: Option<Arc<str>>,
    /// The SLS files that included it, nearest first.
    pub included_from: Vec<Arc<str>>,
    /// Its place in the run.
    pub order: Order,
    /// Everything else that was declared: arguments, requisites and options, by name.
    pub data: Map,
    /// Places of the entries of `data`, in the same order.
    pub marks: Vec<Mark>,
    /// Place of the state module's key.
    pub spot: Spot,
}

/// The number a chunk is sorted by; `show_lowstate` prints it as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Order(pub(super) Value);

impl Order {
    /// The number.
    pub fn number(&self) -> f64 {
        match &self.0 {
            Value::Bool(truth) => f64::from(u8::from(*truth)),
            other => other.as_float().unwrap_or(0.0),
        }
    }
    /// The number as it is shown.
    pub fn value(&self) -> &Value {
        &self.0
    }
}

/// Entries of a chunk that steer the run and are not handed to a function that does not ask for them.
const OPTIONS: &[&str] = &[
    "aggregate",
    "check_cmd",
    "creates",
    "failhard",
    "fire_event",
    "listen",
    "listen_in",
    "onfail_stop",
    "onlyif",
    "order",
    "parallel",
    "reload_grains",
    "reload_modules",
    "reload_pillar",
    "retry",
    "runas",
    "runas_password",
    "saltenv",
    "timeout",
    "umask",
    "unless",
];

/// True for an entry that steers the run (guards, options, requisites, anything that starts with `__`).
pub fn is_option(key: &str) -> bool {
    OPTIONS.binary_search(&key).is_ok() || key.starts_with("__") || Keyword::parse(key).is_some()
}

impl Chunk {
    /// `state_|-id_|-name_|-fun`: the chunk's key in returns.
    pub fn tag(&self) -> String {
        tag(&self.state, &self.id, &self.name, &self.fun)
    }

    /// The value of an argument, option or requisite.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.data.get(key)
    }

    /// What is handed to the function by name: `data` without the entries that only steer the run.
    ///
    /// A function that has an argument of such a name (`cmd.run` has `runas`, `umask`, `timeout`) takes it with [`Chunk::get`].
    pub fn arguments(&self) -> impl Iterator<Item = (&str, &Value)> {
        let named = self.data.iter().filter_map(|(key, value)| Some((key.as_str()?, value)));
        named.filter(|(key, _)| !is_option(key))
    }

    /// The place of an entry of `data`, or of the declaration.
    pub fn spot_of(&self, key: &str) -> Spot {
        let position = self.data.keys().position(|known| known.as_str() == Some(key));
        match position.and_then(|index| self.marks.get(index)).filter(|mark| mark.line > 0) {
            Some(mark) => Spot { line: mark.line, column: mark.column, ..self.spot.clone() },
            None => self.spot.clone(),
        }
    }

    /// The SLS and ID as messages name a chunk: `web.nginx`.
    pub fn label(&self) -> String {
        format!("{}.{}", self.sls.as_deref().unwrap_or("None"), self.id)
    }

    /// The chunk as the reference shows it (`state.show_low_sls`, `state.show_lowstate`).
    pub fn to_value(&self) -> Value {
        let mut low = Map::with_capacity(self.data.len() + 8);
        low.insert("state", self.state.as_str());
        low.insert("name", self.name.as_str());
        for (key, value) in [("__sls__", &self.sls), ("__env__", &self.env)] {
            if let Some(value) = value {
                low.insert(key, &**value);
            }
        }
        if !self.included_from.is_empty() {
            let from = self.included_from.iter().map(|sls| Value::from(&**sls)).collect();
            low.insert("__sls_included_from__", Value::List(from));
        }
        low.insert("__id__", self.id.as_str());
        for (key, value) in &self.data {
            low.insert(key.clone(), value.clone());
        }
        low.insert("order", self.order.0.clone());
        low.insert("fun", self.fun.as_str());
        Value::Map(low)
    }
}

/// The key of a chunk in returns.
pub fn tag(state: &str, id: &str, name: &str, fun: &str) -> String {
    format!("{state}_|-{id}_|-{name}_|-{fun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_sorted_for_the_search() {
        assert!(OPTIONS.is_sorted());
        assert!(is_option("unless") && is_option("require_in") && is_option("__sls__") && !is_option("source"));
    }
}
