//! One case, and how it is read from its file.

use std::path::{Path, PathBuf};

use fleet_common::value::{Map, Value, json_load};

/// An input and what the reference answered.
#[derive(Debug, Clone)]
pub struct Case {
    /// `area.group.name`.
    pub id: String,
    /// Area, from the directory.
    pub area: String,
    /// Directory of the case's file: fixtures lie beside it.
    pub dir: PathBuf,
    /// The input, tags decoded.
    pub input: Value,
    /// What the reference answered, tags decoded where a value can carry them (`$set`, `$repr`, `$keys`, `$type` stay).
    pub expected: Value,
}

impl Case {
    /// A text of the input.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.input.get(key).and_then(Value::as_str)
    }
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// As the reference.
    Pass,
    /// Different: what differs.
    Fail(String),
    /// What the case needs is not there yet: what.
    Unsupported(String),
}

impl Verdict {
    /// Pass for `Ok`, else a failure.
    pub fn of(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Fail, |()| Self::Pass)
    }
}

/// Reads all cases of the wanted areas (none given: all) below the directories.
pub fn load(dirs: &[PathBuf], areas: &[String]) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for dir in dirs {
        let mut folders = entries(dir)?;
        folders.retain(|path| path.is_dir());
        for folder in folders {
            let area = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if !areas.is_empty() && !areas.contains(&area) {
                continue;
            }
            for file in entries(&folder)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "json")) {
                load_file(&file, &area, &mut cases)?;
            }
        }
    }
    Ok(cases)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let listing = std::fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut paths: Vec<PathBuf> = listing.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    Ok(paths)
}

fn load_file(file: &Path, area: &str, cases: &mut Vec<Case>) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let list = json_load::parse(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    let items = list.as_list().ok_or_else(|| format!("{}: a list of cases is expected", file.display()))?;
    for item in items {
        let id = item.get("id").and_then(Value::as_str).unwrap_or("?").to_owned();
        let part = |key: &str| decode(item.get(key).cloned().unwrap_or_default());
        let dir = file.parent().map(Path::to_owned).unwrap_or_default();
        cases.push(Case { id, area: area.to_owned(), dir, input: part("input"), expected: part("expected") });
    }
    Ok(())
}

/// Turns the tags of the JSON files back into values.
fn decode(value: Value) -> Value {
    match value {
        Value::List(items) => items.into_iter().map(decode).collect(),
        Value::Map(map) => decode_map(map),
        other => other,
    }
}

fn decode_map(map: Map) -> Value {
    let single = if map.len() == 1 { map.get_index(0) } else { None };
    if let Some((Value::Str(tag), content)) = single {
        match (tag.as_str(), content) {
            ("$map", Value::List(pairs)) => {
                let entries = pairs.iter().filter_map(|pair| match pair.as_list() {
                    Some([key, value]) => Some((decode(key.clone()), decode(value.clone()))),
                    _ => None,
                });
                return Value::Map(entries.collect());
            }
            ("$tuple", Value::List(items)) => return items.iter().cloned().map(decode).collect(),
            ("$float", Value::Str(text)) => return Value::Float(text.parse().unwrap_or(f64::NAN)),
            ("$bytes", Value::Str(text)) => return Value::Bytes(super::scratch::base64(text)),
            _ => {}
        }
    }
    Value::Map(map.into_iter().map(|(key, value)| (key, decode(value))).collect())
}
