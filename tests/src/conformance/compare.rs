//! Comparing what we answered with what was recorded.

use fleet_common::value::{Map, Value};

/// Says where `actual` differs from `expected`; the order of mappings is ignored.
pub fn compare(expected: &Value, actual: &Value) -> Result<(), String> {
    walk(expected, actual, "", false)
}

/// As [`compare`], and mappings must have the same order.
pub fn compare_ordered(expected: &Value, actual: &Value) -> Result<(), String> {
    walk(expected, actual, "", true)
}

fn walk(expected: &Value, actual: &Value, path: &str, ordered: bool) -> Result<(), String> {
    match (expected, actual) {
        (Value::Map(e), _) if tag(e).is_some() => tagged(e, actual, path),
        (Value::Map(e), Value::Map(a)) => maps(e, a, path, ordered),
        (Value::List(e), Value::List(a)) => {
            if e.len() != a.len() {
                return Err(format!(
                    "{path}: {} items expected, {} came\n  expected {e:?}\n  actual   {a:?}",
                    e.len(),
                    a.len()
                ));
            }
            e.iter().zip(a).enumerate().try_for_each(|(i, (e, a))| walk(e, a, &format!("{path}[{i}]"), ordered))
        }
        _ if expected.identical(actual) => Ok(()),
        // What stands between the marks of a trace-back or a masked value is not bound.
        (Value::Str(e), Value::Str(a)) if masked(e, a) => Ok(()),
        _ => Err(format!("{path}:\n  expected {}\n  actual   {}", shown(expected), shown(actual))),
    }
}

fn maps(expected: &Map, actual: &Map, path: &str, ordered: bool) -> Result<(), String> {
    for (key, value) in expected {
        let name = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
        let Some((found, other)) = actual.get_entry(key).filter(|(found, _)| found.identical(key)) else {
            return Err(format!("{path}: key {name:?} is missing in {:?}", keys(actual)));
        };
        let _ = found;
        walk(value, other, &format!("{path}.{name}"), ordered)?;
    }
    if let Some(key) = actual.keys().find(|key| expected.get_value(key).is_none()) {
        return Err(format!(
            "{path}: key {key:?} was not expected: {}",
            shown(actual.get_value(key).unwrap_or(&Value::Null))
        ));
    }
    if ordered && !expected.keys().eq(actual.keys()) {
        return Err(format!(
            "{path}: the order of keys differs\n  expected {:?}\n  actual   {:?}",
            keys(expected),
            keys(actual)
        ));
    }
    Ok(())
}

fn keys(map: &Map) -> Vec<String> {
    map.keys().map(shown).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Str(text) => format!("{text:?}"),
        other => format!("{other:?}"),
    }
}

fn tag(map: &Map) -> Option<&str> {
    let (key, _) = map.get_index(0).filter(|_| map.len() == 1)?;
    key.as_str().filter(|key| matches!(*key, "$set" | "$repr" | "$keys" | "$type"))
}

fn tagged(expected: &Map, actual: &Value, path: &str) -> Result<(), String> {
    let (tag, content) = expected.get_index(0).map_or((None, &Value::Null), |(key, value)| (key.as_str(), value));
    match (tag, content, actual) {
        (Some("$set"), Value::List(e), Value::List(a)) => {
            let same = e.len() == a.len() && e.iter().all(|e| a.iter().any(|a| a.identical(e)));
            if same { Ok(()) } else { Err(format!("{path}: set {e:?} expected, {a:?} came")) }
        }
        (Some("$keys"), Value::List(e), Value::Map(a)) => {
            let mut names: Vec<String> = a.keys().filter_map(|key| key.as_str().map(str::to_owned)).collect();
            names.sort();
            let wanted: Vec<&str> = e.iter().filter_map(Value::as_str).collect();
            if names == wanted { Ok(()) } else { Err(format!("{path}: keys {wanted:?} expected, {names:?} came")) }
        }
        // The recorder took a tuple for a mapping with that one key.
        (Some("$keys"), Value::List(e), Value::List(_)) if *e == [Value::from("$tuple")] => Ok(()),
        (Some("$type"), Value::Str(kind), actual) => {
            let fits = actual.kind() == kind
                || (kind == "NoneType" && actual.is_null())
                || (kind == "tuple" && actual.kind() == "list");
            if fits { Ok(()) } else { Err(format!("{path}: a {kind} expected, a {} came", actual.kind())) }
        }
        (Some("$repr"), ..) => Ok(()),
        _ => Err(format!("{path}: {tag:?} {content:?} expected, {actual:?} came")),
    }
}

/// True when `actual` fits `expected` with its `${MARK}` placeholders standing for any text.
pub(super) fn masked(expected: &str, actual: &str) -> bool {
    const MARKS: &[&str] = &["${TRACEBACK}", "${JID}", "${TMPFILE}", "${TIME}", "${DURATION}", "${DOC}"];
    let mut pieces = vec![expected];
    for mark in MARKS {
        pieces = pieces.into_iter().flat_map(|piece| piece.split(mark)).collect();
    }
    if pieces.len() == 1 {
        return false;
    }
    let Some(mut rest) = actual.strip_prefix(pieces[0]) else { return false };
    let last = pieces.len() - 1;
    for piece in &pieces[1..last] {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(pieces[last])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_for_any_text() {
        assert!(masked("took ${TIME} s", "took 12.5 s"));
        assert!(!masked("took ${TIME} s", "took 12.5 ms!"));
        assert!(!masked("same", "other"));
    }

    #[test]
    fn one_and_one_point_zero_differ() {
        assert!(compare(&Value::Int(1), &Value::Float(1.0)).is_err());
        assert!(compare(&Value::Int(1), &Value::Int(1)).is_ok());
    }
}
