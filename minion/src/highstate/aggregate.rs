//! `state_aggregate` and `aggregate`: chunks of one state function merged into the first of them, so that a package
//! manager is asked once. The others run in their turn and find their work done.

use std::collections::{HashMap, HashSet};

use fleet_common::state::Chunk;
use fleet_common::value::{Map, Value};

/// State functions that can be merged, and the list argument that takes the names of all.
const MERGED: &[(&str, &str, &str)] =
    &[("pkg", "installed", "pkgs"), ("pkg", "latest", "pkgs"), ("pkg", "purged", "pkgs"), ("pkg", "removed", "pkgs")];

/// Arguments that a chunk may have and still be merged: anything else (versions, repositories, guards, requisites)
/// means that it must run as it is written.
const PLAIN: &[&str] = &["aggregate", "order", "pkgs", "refresh"];

/// The merged chunks of a run.
#[derive(Debug, Default)]
pub struct Aggregates {
    /// The merged arguments, by the tag of the chunk that runs for all.
    first: HashMap<String, Map>,
}

impl Aggregates {
    /// Finds what is to be merged; `setting` is `state_aggregate`: true, or a list of state modules.
    pub fn of(chunks: &[Chunk], setting: &Value) -> Self {
        let mut groups: HashMap<(&str, &str), Vec<&Chunk>> = HashMap::new();
        for chunk in chunks.iter().filter(|chunk| is_wanted(chunk, setting) && is_plain(chunk)) {
            groups.entry((&chunk.state, &chunk.fun)).or_default().push(chunk);
        }
        let several = groups.into_values().filter(|group| group.len() > 1);
        Self { first: several.filter_map(|group| Some((group.first()?.tag(), merge(&group)?))).collect() }
    }

    /// The chunk as it runs when it stands for others.
    pub fn merged(&self, chunk: &Chunk) -> Option<Chunk> {
        if self.first.is_empty() {
            return None;
        }
        let data = self.first.get(&chunk.tag())?.clone();
        Some(Chunk { data, ..chunk.clone() })
    }
}

fn is_wanted(chunk: &Chunk, setting: &Value) -> bool {
    match (chunk.get("aggregate"), setting) {
        (Some(own), _) => own.truthy(),
        (None, Value::List(modules)) => modules.iter().any(|module| module.as_str() == Some(&chunk.state)),
        (None, setting) => setting.truthy(),
    }
}

fn list_of(chunk: &Chunk) -> Option<&'static str> {
    MERGED.iter().find(|(state, fun, _)| *state == chunk.state && *fun == chunk.fun).map(|(.., list)| *list)
}

fn is_plain(chunk: &Chunk) -> bool {
    list_of(chunk).is_some() && chunk.data.keys().all(|key| key.as_str().is_some_and(|key| PLAIN.contains(&key)))
}

/// The first chunk's arguments with the names of all in its list, each once.
fn merge(group: &[&Chunk]) -> Option<Map> {
    let first = group.first()?;
    let key = list_of(first)?;
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for chunk in group {
        let own = match chunk.get(key) {
            Some(Value::List(items)) => items.clone(),
            _ => vec![Value::from(chunk.name.as_str())],
        };
        names.extend(own.into_iter().filter(|name| seen.insert(name.clone())));
    }
    let mut data = first.data.clone();
    data.insert(key, Value::List(names));
    Some(data)
}

#[cfg(test)]
mod tests {
    use fleet_common::state::{chunks, read};
    use fleet_common::value::python::repr;

    use super::*;

    fn merged(text: &str, setting: Value) -> Vec<Option<String>> {
        let document = fleet_common::yaml::load(text, "t.sls").unwrap();
        let (high, faults) = read(&Default::default(), document.value, &document.marks, "t.sls");
        assert!(faults.is_empty(), "{faults:?}");
        let chunks = chunks(&high);
        let aggregates = Aggregates::of(&chunks, &setting);
        let lists = chunks.iter().map(|chunk| aggregates.merged(chunk));
        lists.map(|chunk| chunk.map(|chunk| repr(chunk.get("pkgs").unwrap_or(&Value::Null)))).collect()
    }

    #[test]
    fn the_first_installs_for_all_that_are_as_plain() {
        let text = "a: {pkg.installed: []}\nb: {pkg.installed: [pkgs: [x, a]]}\nc: {pkg.installed: [version: 1]}\nd: {pkg.installed: [require: [pkg: a]]}\ne: {pkg.removed: []}\nf: {pkg.installed: [aggregate: false]}\n";
        assert_eq!(merged(text, Value::Bool(true))[0].as_deref(), Some("['a', 'x']"));
        assert_eq!(merged(text, Value::Bool(true))[1..], [None, None, None, None, None]);
        assert!(merged(text, Value::Bool(false)).iter().all(Option::is_none));
        assert!(merged(text, Value::List(vec![Value::from("file")])).iter().all(Option::is_none));
    }

    #[test]
    fn chunks_ask_for_it_themselves() {
        let text =
            "a: {pkg.installed: [aggregate: true]}\nb: {pkg.installed: [aggregate: true]}\nc: {pkg.installed: []}\n";
        assert_eq!(merged(text, Value::Null), [Some("['a', 'b']".to_owned()), None, None]);
    }
}
