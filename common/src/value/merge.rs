//! Deep merging of mappings, as pillar sources, `defaults` and `slsutil` need it.

use super::{Map, Value};

/// How two mappings become one (the option `pillar_source_merging_strategy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// [`Strategy::Recurse`], whatever wrote the data.
    #[default]
    Smart,
    /// Entries of the root are put together, everything below is replaced.
    Aggregate,
    /// Mappings are merged at every depth, other values replaced.
    Recurse,
    /// Keys of the root are replaced as a whole.
    Overwrite,
    /// As recurse; pillar uses it to keep environments apart.
    None,
    /// Values of keys in both become a list of two; keys only in the second are dropped.
    List,
}

impl Strategy {
    /// All names, for hints.
    pub const NAMES: &[&str] = &["smart", "aggregate", "recurse", "overwrite", "none", "list"];

    /// The strategy of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "smart" => Self::Smart,
            "aggregate" => Self::Aggregate,
            "recurse" => Self::Recurse,
            "overwrite" => Self::Overwrite,
            "none" => Self::None,
            "list" => Self::List,
            _ => return None,
        })
    }
}

/// Merges `over` into a copy of `base`; with `merge_lists` lists are joined where mappings are merged.
pub fn merge(base: &Map, over: &Map, strategy: Strategy, merge_lists: bool) -> Map {
    if strategy == Strategy::List {
        return pairs(base, over);
    }
    let mut merged = base.clone();
    match strategy {
        Strategy::Aggregate | Strategy::Overwrite => merged.extend(over.clone()),
        Strategy::None => update(&mut merged, over, false),
        _ => update(&mut merged, over, merge_lists),
    }
    merged
}

/// Merges `over` into `base` at every depth; with `merge_lists` items that were not there are appended.
pub fn update(base: &mut Map, over: &Map, merge_lists: bool) {
    for (key, value) in over {
        match (base.get_value_mut(key), value) {
            (Some(Value::Map(inner)), Value::Map(value)) => update(inner, value, merge_lists),
            (Some(Value::List(items)), Value::List(more)) if merge_lists => {
                let before = items.len();
                for item in more {
                    // What `more` itself repeats stays repeated.
                    if !items[..before].contains(item) {
                        items.push(item.clone());
                    }
                }
            }
            (Some(place), _) => *place = value.clone(),
            (None, _) => {
                base.insert(key, value);
            }
        }
    }
}

fn pairs(base: &Map, over: &Map) -> Map {
    let pair = |key: &Value, value: &Value| match over.get_value(key) {
        Some(other) => Value::List(vec![value.clone(), other.clone()]),
        None => value.clone(),
    };
    base.iter().map(|(key, value)| (key.clone(), pair(key, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::python;
    use crate::yaml;

    fn merged(strategy: &str, lists: bool) -> String {
        let load = |text| yaml::load(text, "t").unwrap().value.as_map().unwrap().clone();
        let base = load("a: {x: 1, l: [1, 2]}\nb: 1\n");
        let over = load("c: 3\na: {y: 2, l: [2, 3, 3]}\n");
        python::repr(&Value::Map(merge(&base, &over, Strategy::named(strategy).unwrap(), lists)))
    }

    #[test]
    fn strategies_differ_as_in_the_reference() {
        assert_eq!(merged("smart", false), "{'a': {'x': 1, 'l': [2, 3, 3], 'y': 2}, 'b': 1, 'c': 3}");
        assert_eq!(merged("recurse", true), "{'a': {'x': 1, 'l': [1, 2, 3, 3], 'y': 2}, 'b': 1, 'c': 3}");
        assert_eq!(merged("overwrite", true), "{'a': {'y': 2, 'l': [2, 3, 3]}, 'b': 1, 'c': 3}");
        assert_eq!(merged("aggregate", true), "{'a': {'y': 2, 'l': [2, 3, 3]}, 'b': 1, 'c': 3}");
        assert_eq!(merged("none", true), "{'a': {'x': 1, 'l': [2, 3, 3], 'y': 2}, 'b': 1, 'c': 3}");
        assert_eq!(merged("list", true), "{'a': [{'x': 1, 'l': [1, 2]}, {'y': 2, 'l': [2, 3, 3]}], 'b': 1}");
    }
}
