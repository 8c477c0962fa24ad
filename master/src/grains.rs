//! Grains of a whole fleet in little memory: minions with the same keys share them, values stay encoded until asked.

use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use fleet_common::proto::decode::encode;
use fleet_common::value::{Map, Value};

/// The keys of one or many minions, in the order they came.
#[derive(Debug)]
struct Keys {
    names: Vec<Value>,
    places: HashMap<Value, u32>,
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        // `1` and `true` are equal as keys, but not the same grain when it is told.
        self.names.len() == other.names.len() && self.names.iter().zip(&other.names).all(|(a, b)| a.identical(b))
    }
}

impl Eq for Keys {}

impl Hash for Keys {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.names.hash(state);
    }
}

/// One minion's grains: its keys, and its values as msgpack, one behind the other.
#[derive(Debug)]
pub struct Grains {
    keys: Arc<Keys>,
    /// Where each value ends in `values`.
    ends: Box<[u32]>,
    values: Box<[u8]>,
}

impl Grains {
    /// The values under these keys, of those there are.
    pub fn some(&self, wanted: &[Value]) -> Map {
        let mut map = Map::with_capacity(wanted.len());
        for key in wanted {
            if let Some(value) = self.keys.places.get(key).and_then(|place| self.value(*place as usize)) {
                map.insert(key.clone(), value);
            }
        }
        map
    }

    /// True if one of these keys is there.
    pub fn has_any(&self, wanted: &[Value]) -> bool {
        wanted.iter().any(|key| self.keys.places.contains_key(key))
    }

    /// All of them, as the minion told them.
    pub fn all(&self) -> Map {
        let pairs = self.keys.names.iter().enumerate();
        pairs.filter_map(|(place, key)| Some((key.clone(), self.value(place)?))).collect()
    }

    fn value(&self, place: usize) -> Option<Value> {
        let end = *self.ends.get(place)? as usize;
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |start| *start as usize);
        rmp_serde::from_slice(self.values.get(start..end)?).ok()
    }
}

/// Packs grains; knows the sets of keys in use.
#[derive(Default)]
pub struct Packer {
    known: HashSet<Arc<Keys>>,
    /// How many sets may be known before those that nobody uses are let go.
    sweep_at: usize,
}

impl Packer {
    /// Packs one minion's grains.
    pub fn pack(&mut self, grains: &Map) -> Grains {
        let mut ends = Vec::with_capacity(grains.len());
        let mut values = Vec::new();
        for value in grains.values() {
            values.extend_from_slice(&encode(value));
            // A message with grains is far smaller than 4 GiB.
            ends.push(u32::try_from(values.len()).unwrap_or(u32::MAX));
        }
        let names: Vec<Value> = grains.keys().cloned().collect();
        Grains { keys: self.keys(names), ends: ends.into(), values: values.into() }
    }

    fn keys(&mut self, names: Vec<Value>) -> Arc<Keys> {
        let wanted = Keys { names, places: HashMap::new() };
        if let Some(known) = self.known.get(&wanted) {
            return known.clone();
        }
        if self.known.len() >= self.sweep_at {
            self.known.retain(|keys| Arc::strong_count(keys) > 1);
            self.sweep_at = self.known.len() * 2 + 64;
        }
        let places = wanted.names.iter().cloned().zip(0..).collect();
        let keys = Arc::new(Keys { places, ..wanted });
        self.known.insert(keys.clone());
        keys
    }
}

#[cfg(test)]
mod tests {
    use fleet_common::yaml;

    use super::*;

    fn map(text: &str) -> Map {
        yaml::load(text, "t").unwrap().value.as_map().unwrap().clone()
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let mut packer = Packer::default();
        let (first, second) =
            (map("{os: Debian, ipv4: [a, b], dc: {n: 1}, 5: x}"), map("{os: [], ipv4: 1, dc: , 5: y}"));
        let (packed, other) = (packer.pack(&first), packer.pack(&second));
        assert!(Arc::ptr_eq(&packed.keys, &other.keys));
        assert_eq!((packed.all(), other.all()), (first.clone(), second));
        assert_eq!(packed.some(&["dc".into(), "no".into(), Value::Int(5)]), map("{dc: {n: 1}, 5: x}"));
        assert!(packed.has_any(&["no".into(), "os".into()]) && !packed.has_any(&["no".into()]));
        assert!(packer.pack(&Map::new()).all().is_empty());
    }

    #[test]
    fn keys_that_nobody_uses_are_let_go() {
        let mut packer = Packer::default();
        for number in 0..10_000 {
            packer.pack(&[(format!("key{number}"), 1)].into_iter().collect());
        }
        assert!(packer.known.len() < 300, "{}", packer.known.len());
    }
}
