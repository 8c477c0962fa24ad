//! Paths such as `nginx:ssl:ciphers:1` into grains, pillar and configuration.

use crate::value::{Map, Value};

/// The value at a path inside a mapping. Lists are entered by index, or through the first mapping in them that has the key.
pub(super) fn in_map<'a>(map: &'a Map, path: &str, delimiter: &str) -> Option<&'a Value> {
    let mut parts = split(path, delimiter);
    let mut here = entry(map, parts.next()?)?;
    for part in parts {
        here = match here {
            Value::Map(map) => entry(map, part)?,
            Value::List(items) => in_list(items, part)?,
            _ => return None,
        };
    }
    Some(here)
}

fn split<'p>(path: &'p str, delimiter: &'p str) -> Box<dyn Iterator<Item = &'p str> + 'p> {
    if delimiter.is_empty() { Box::new(std::iter::once(path)) } else { Box::new(path.split(delimiter)) }
}

/// An entry by its text, or by the number that the text spells (`80` in YAML is a number).
fn entry<'a>(map: &'a Map, part: &str) -> Option<&'a Value> {
    map.get(part).or_else(|| {
        let number: i64 = part.parse().ok()?;
        map.get_value(&Value::Int(number))
    })
}

fn in_list<'a>(items: &'a [Value], part: &str) -> Option<&'a Value> {
    let embedded = items.iter().filter_map(Value::as_map);
    let Ok(index) = part.parse::<i64>() else {
        return embedded.into_iter().find_map(|map| map.get(part));
    };
    embedded.into_iter().find_map(|map| map.get_value(&Value::Int(index))).or_else(|| {
        let place = if index < 0 { index + items.len() as i64 } else { index };
        usize::try_from(place).ok().and_then(|place| items.get(place))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_entered_by_index_and_by_key() {
        let ann = Map::from_iter([("name", Value::from("ann"))]);
        let map = Map::from_iter([("users", Value::List(vec![Value::Map(ann), Value::from("x")]))]);
        assert_eq!(in_map(&map, "users:0:name", ":"), Some(&Value::from("ann")));
        assert_eq!(in_map(&map, "users|name", "|"), Some(&Value::from("ann")));
        assert_eq!(in_map(&map, "users:-1", ":"), Some(&Value::from("x")));
        assert_eq!(in_map(&map, "users:7", ":"), None);
    }
}
