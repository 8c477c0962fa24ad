//! Joining the states of one id, file and result into one (`state_compress_ids`).

use std::collections::HashMap;

use crate::value::{Map, Value, compare, python};

/// The runs with states joined; runs that have states without the needed keys stay as they are.
pub(super) fn compress(hosts: &Map) -> Map {
    hosts
        .iter()
        .map(|(host, run)| (host.clone(), run.as_map().and_then(joined).map_or_else(|| run.clone(), Value::Map)))
        .collect()
}

fn joined(run: &Map) -> Option<Map> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (key, info) in run {
        *counts.entry(group(key.as_str()?, info)?).or_default() += 1;
    }
    let mut out = Map::new();
    for (key, info) in run {
        let name = key.as_str()?;
        let count = *counts.get(&group(name, info)?)?;
        if count == 1 {
            out.insert(key, info);
            continue;
        }
        let mut parts: Vec<String> = name.split("_|-").map(str::to_owned).collect();
        let detail = |key: &str| info.get(key).map(python::str_);
        let (id, sls, result) = (detail("__id__")?, detail("__sls__")?, detail("result")?);
        *parts.get_mut(2)? = format!("state_compressed_{sls}_{id}_{result}");
        parts[1] = format!("{id} ({count})");
        let name = parts.join("_|-");
        match out.get_mut(&name) {
            Some(first) => join(first.as_map_mut()?, info)?,
            None => {
                out.insert(name, info);
            }
        }
    }
    Some(out)
}

/// What states are joined by: module, id, file and result.
fn group(key: &str, info: &Value) -> Option<String> {
    let part = |key: &str| info.get(key).map(python::str_);
    let module = key.split("_|-").next()?;
    Some(format!("{module}_{}_{}_{}", part("__id__")?, part("__sls__")?, part("result")?))
}

/// Adds a state to the first of its group: the earliest start, the sum of durations, changes by name.
fn join(first: &mut Map, info: &Value) -> Option<()> {
    let smaller = |a: &Value, b: &Value| {
        if compare::compare(a, b).is_some_and(std::cmp::Ordering::is_lt) { a.clone() } else { b.clone() }
    };
    for key in ["__run_num__", "start_time"] {
        let least = smaller(info.get(key)?, first.get(key)?);
        first.insert(key, least);
    }
    let sum = first.get("duration")?.as_float()? + info.get("duration")?.as_float()?;
    first.insert("duration", (sum * 1000.0).round() / 1000.0);
    let Some(more) = info.get("changes").filter(|changes| changes.truthy()) else { return Some(()) };
    let own = first.get("changes").cloned().unwrap_or_default();
    let mut by_name = match own.get("compressed changes").and_then(Value::as_map) {
        Some(by_name) => by_name.clone(),
        None if own.truthy() => Map::from_iter([(first.get("name")?.clone(), own)]),
        None => Map::new(),
    };
    by_name.insert(info.get("name")?, more);
    first.insert("changes", Map::from_iter([("compressed changes", by_name)]));
    Some(())
}
