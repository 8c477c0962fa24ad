//! Paths into data: `a:b:c`, with list indices and keys that are not text.

use super::Value;
use crate::yaml;

/// Follows a path from `data`; an empty delimiter keeps the path in one piece.
///
/// In a list a part is looked up in the mappings inside first (`users:alice` finds `users: [{alice: ..}]`), then
/// taken as an index, from the end when negative. In a mapping a part that is not a key is tried as the number
/// or truth value it spells. Behaves as the reference's `traverse_dict_and_list`.
pub fn traverse<'v>(data: &'v Value, path: &str, delimiter: &str) -> Option<&'v Value> {
    if delimiter.is_empty() {
        return step(data, path);
    }
    path.split(delimiter).try_fold(data, step)
}

/// Follows a path as [`traverse`], from an entry of a mapping.
pub fn traverse_map<'v>(map: &'v super::Map, path: &str, delimiter: &str) -> Option<&'v Value> {
    let (first, rest) = match path.split_once(delimiter).filter(|_| !delimiter.is_empty()) {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let found = entry(map, first)?;
    rest.map_or(Some(found), |rest| traverse(found, rest, delimiter))
}

/// The keys of a mapping that the first part of a path may mean: its text, and what it spells when that is no text.
pub fn keys_of(part: &str) -> Vec<Value> {
    std::iter::once(Value::from(part)).chain(spelled(part)).collect()
}

fn step<'v>(data: &'v Value, part: &str) -> Option<&'v Value> {
    match data {
        Value::Map(map) => entry(map, part),
        Value::List(items) => item(items, part),
        _ => None,
    }
}

fn entry<'v>(map: &'v super::Map, part: &str) -> Option<&'v Value> {
    map.get(part).or_else(|| map.get_value(&spelled(part)?))
}

/// A key that is written otherwise: a number or truth value, or text in quotes or between blanks as YAML reads it.
fn spelled(part: &str) -> Option<Value> {
    match yaml::plain_scalar(part)? {
        Value::Str(_) if part.starts_with(['\'', '"', ' ']) || part.ends_with(' ') => {
            let key = yaml::load(part, "key").ok()?.value;
            key.as_str().is_some_and(|key| key != part).then_some(key)
        }
        // `1_000` stays text, as on the command line.
        Value::Str(_) | Value::Null => None,
        _ if part.contains('_') => None,
        key => Some(key),
    }
}

fn item<'v>(items: &'v [Value], part: &str) -> Option<&'v Value> {
    let maps = || items.iter().filter_map(Value::as_map);
    let Some(index) = index(part) else { return maps().find_map(|map| map.get(part)) };
    let key = Value::Int(index);
    maps().find_map(|map| map.get_value(&key)).or_else(|| {
        let from_start = if index < 0 { index.checked_add(i64::try_from(items.len()).ok()?)? } else { index };
        items.get(usize::try_from(from_start).ok()?)
    })
}

/// An index as Python's `int()` reads it: blanks around it and single underscores between digits do not count.
fn index(part: &str) -> Option<i64> {
    let part = part.trim();
    let digits = part.strip_prefix(['-', '+']).unwrap_or(part);
    if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    part.replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_through_maps_and_lists() {
        let data = yaml::load("a:\n  b: [x, {c: 1}, {2: two}]\n  1: one\n  false: yes\n", "t").unwrap().value;
        let get = |path: &str| traverse(&data, path, ":").cloned();
        assert_eq!(get("a:b:0"), Some(Value::from("x")));
        assert_eq!(get("a:b:0_1"), get("a:b:1"));
        assert_eq!(get("a:b:é"), None);
        assert_eq!(get("a:b:-3"), Some(Value::from("x")));
        assert_eq!(get("a:b:c"), Some(Value::Int(1)));
        assert_eq!(get("a:b:2"), Some(Value::from("two")));
        assert_eq!(get("a:1"), Some(Value::from("one")));
        assert_eq!(get("a:False"), Some(Value::Bool(true)));
        assert_eq!((get("a:b:9"), get("a:x"), get("a:b:0:z"), get("a:")), (None, None, None, None));
        assert_eq!(traverse(&data, "a/1", "/"), Some(&Value::from("one")));
    }
}
