//! The ordered mapping of the data model.

use std::hash::{Hash, Hasher};

use indexmap::{Equivalent, IndexMap};

use super::Value;

/// An ordered mapping: keys keep the order of their first insertion, as Python's dict.
#[derive(Clone, Debug, Default)]
pub struct Map(Box<IndexMap<Value, Value>>);

/// A text key for look-ups without allocating a [`Value`].
pub struct StrKey<'a>(pub &'a str);

impl Hash for StrKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        super::number::hash_text(self.0, state);
    }
}

impl Equivalent<Value> for StrKey<'_> {
    fn equivalent(&self, key: &Value) -> bool {
        key.as_str() == Some(self.0)
    }
}

impl Map {
    /// An empty mapping.
    pub fn new() -> Self {
        Self::default()
    }
    /// An empty mapping with room for `entries`.
    pub fn with_capacity(entries: usize) -> Self {
        Self(Box::new(IndexMap::with_capacity(entries)))
    }
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The value under a text key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(&StrKey(key))
    }
    /// The value under a text key, mutable.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.get_mut(&StrKey(key))
    }
    /// The value under a key of any kind.
    pub fn get_value(&self, key: &Value) -> Option<&Value> {
        self.0.get(key)
    }
    /// The value under a key of any kind, mutable.
    pub fn get_value_mut(&mut self, key: &Value) -> Option<&mut Value> {
        self.0.get_mut(key)
    }
    /// The stored key and value under a key of any kind.
    pub fn get_entry(&self, key: &Value) -> Option<(&Value, &Value)> {
        self.0.get_key_value(key)
    }
    /// True if there is such a text key.
    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(&StrKey(key))
    }
    /// Sets a key; a key that exists keeps its place. Returns the former value.
    pub fn insert(&mut self, key: impl Into<Value>, value: impl Into<Value>) -> Option<Value> {
        self.0.insert(key.into(), value.into())
    }
    /// The value under a key, inserted by `make` when missing.
    pub fn entry_or_insert_with(&mut self, key: impl Into<Value>, make: impl FnOnce() -> Value) -> &mut Value {
        self.0.entry(key.into()).or_insert_with(make)
    }
    /// Takes a text key out, keeping the order of the others.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.shift_remove(&StrKey(key))
    }
    /// Takes a key of any kind out, keeping the order of the others.
    pub fn remove_value(&mut self, key: &Value) -> Option<Value> {
        self.0.shift_remove(key)
    }
    /// Takes the last entry out.
    pub fn pop(&mut self) -> Option<(Value, Value)> {
        self.0.pop()
    }
    /// Entries in order.
    pub fn iter(&self) -> indexmap::map::Iter<'_, Value, Value> {
        self.0.iter()
    }
    /// Entries in order, values mutable.
    pub fn iter_mut(&mut self) -> indexmap::map::IterMut<'_, Value, Value> {
        self.0.iter_mut()
    }
    /// Keys in order.
    pub fn keys(&self) -> indexmap::map::Keys<'_, Value, Value> {
        self.0.keys()
    }
    /// Values in order.
    pub fn values(&self) -> indexmap::map::Values<'_, Value, Value> {
        self.0.values()
    }
    /// The entry at a place in the order.
    pub fn get_index(&self, index: usize) -> Option<(&Value, &Value)> {
        self.0.get_index(index)
    }
    /// Drops entries for which `keep` is false.
    pub fn retain(&mut self, mut keep: impl FnMut(&Value, &mut Value) -> bool) {
        self.0.retain(|key, value| keep(key, value));
    }
    /// Removes all entries.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Equal when the same keys hold equal values, in any order, as Python's dict.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get_value(key) == Some(value))
    }
}

impl IntoIterator for Map {
    type Item = (Value, Value);
    type IntoIter = indexmap::map::IntoIter<Value, Value>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Value, &'a Value);
    type IntoIter = indexmap::map::Iter<'a, Value, Value>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<K: Into<Value>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self(Box::new(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect()))
    }
}

impl<K: Into<Value>, V: Into<Value>> Extend<(K, V)> for Map {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        self.0.extend(entries.into_iter().map(|(key, value)| (key.into(), value.into())));
    }
}
