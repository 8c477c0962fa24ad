//! Which packages, in which versions: the forms a user may write, and whether a version is what was asked for.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use fleet_common::call::{CallError, FromValue};
use fleet_common::target::glob;
use fleet_common::value::Value;

use crate::system::packages::{Scheme, without_epoch};

/// A package and the versions of it that will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// `1.2-3`, `1.2*`, `>=1.0,<2.0`, `latest`; none for any.
    pub version: Option<String>,
}

impl Wanted {
    /// As it is written in messages: `name=version` where a version was asked for.
    pub fn shown(&self) -> String {
        match &self.version {
            Some(version) if version.starts_with(['<', '>', '!', '=']) => format!("{}{version}", self.name),
            Some(version) if version != "latest" => format!("{}={version}", self.name),
            _ => self.name.clone(),
        }
    }
}

/// The packages of a call: those of `pkgs` (names, or mappings of names to versions), else the name with its version.
pub fn wanted(
    name: Option<&str>,
    version: Option<&str>,
    pkgs: &Value,
    own: &[String],
) -> Result<Vec<Wanted>, CallError> {
    let mut all = Vec::new();
    match pkgs {
        Value::Null => {
            for name in name.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty()) {
                all.push(Wanted { name: name.to_owned(), version: version.map(str::to_owned) });
            }
        }
        Value::List(items) => items.iter().try_for_each(|item| entry(item, &mut all))?,
        Value::Str(text) => {
            text.split(',').map(str::trim).try_for_each(|name| entry(&Value::from(name), &mut all))?;
        }
        one => entry(one, &mut all)?,
    }
    for wanted in &mut all {
        wanted.name = plain(&wanted.name, own).to_owned();
    }
    Ok(all)
}

/// A name without an ending that says no more than the name alone.
pub fn plain<'n>(name: &'n str, own: &[String]) -> &'n str {
    own.iter().find_map(|ending| name.strip_suffix(ending.as_str())).unwrap_or(name)
}

fn entry(item: &Value, all: &mut Vec<Wanted>) -> Result<(), CallError> {
    let text = |value: &Value| {
        String::from_value(value.clone()).map_err(|_| {
            CallError::Invocation(format!("Invalid package in 'pkgs': {value:?} is neither name nor version"))
        })
    };
    match item {
        Value::Map(map) => {
            for (name, version) in map {
                let version = if version.truthy() { Some(text(version)?) } else { None };
                all.push(Wanted { name: text(name)?, version });
            }
        }
        name => all.push(Wanted { name: text(name)?, version: None }),
    }
    if let Some(bad) = all.iter().find(|wanted| wanted.name.is_empty() || wanted.name.starts_with('-')) {
        return Err(CallError::Invocation(format!("'{}' is no name of a package", bad.name)));
    }
    Ok(())
}

/// The package files of `sources`: names with paths or addresses.
pub fn sources(sources: &Value) -> Result<BTreeMap<String, String>, CallError> {
    let mut found = BTreeMap::new();
    let invalid = || CallError::Invocation("Invalid sources parameter: a list of 'name: path' is needed".to_owned());
    let items: Vec<&Value> = match sources {
        Value::Null => Vec::new(),
        Value::List(items) => items.iter().collect(),
        one => vec![one],
    };
    for item in items {
        for (name, path) in item.as_map().ok_or_else(invalid)? {
            let (Some(name), Some(path)) = (name.as_str(), path.as_str()) else { return Err(invalid()) };
            found.insert(name.to_owned(), path.to_owned());
        }
    }
    Ok(found)
}

/// True when an installed version is one of those asked for. `updates` lets a newer one pass for an exact version.
pub fn fulfils(scheme: Scheme, installed: &str, asked: &str, ignore_epoch: bool, updates: bool) -> bool {
    // Of several versions beside each other, the newest counts.
    let installed = installed.rsplit(',').next().unwrap_or(installed);
    asked.split(',').map(str::trim).filter(|part| !part.is_empty()).all(|part| {
        let end = part.find(|sign: char| !"<>=!".contains(sign)).unwrap_or(part.len());
        let (sign, version) = part.split_at(end);
        let version = version.trim();
        let both = |strip: bool| {
            if strip { (without_epoch(installed), without_epoch(version)) } else { (installed, version) }
        };
        let (have, want) = both(ignore_epoch || scheme.disregards_epoch(version));
        let order = scheme.compare(have, want);
        match sign {
            "" | "=" | "==" if glob::is_pattern(want) => glob::matches(want, have),
            "" | "=" | "==" => order == Ordering::Equal || (updates && order == Ordering::Greater),
            "!=" | "<>" => order != Ordering::Equal,
            ">=" => order != Ordering::Less,
            "<=" => order != Ordering::Greater,
            ">" => order == Ordering::Greater,
            "<" => order == Ordering::Less,
            _ => false,
        }
    })
}

/// True when a version names a range instead of one version.
pub fn is_range(version: &str) -> bool {
    version.contains(['<', '>', '!', ','])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_with_what_was_asked() {
        for (have, asked, answer) in [
            ("1.0", "1.0", true),
            ("1.0", "==1.0", true),
            ("1.1", ">=1.0,<2.0", true),
            ("2.0", ">=1.0,<2.0", false),
            ("2.0-1", "2.*", true),
            ("1:0.5", "0.5", false),
            ("1.0", "!=1.0", false),
            ("1.0~rc1", "<1.0", true),
            ("1.0", "=>1.0", false),
        ] {
            assert_eq!(fulfils(Scheme::Debian, have, asked, false, false), answer, "{have} {asked}");
        }
        let debian = Scheme::Debian;
        assert!(fulfils(debian, "1:0.5", "0.5", true, false) && fulfils(debian, "2.0", "1.0", false, true));
        for (have, asked, answer) in [
            ("1:1.0-2.el9", "1.0", true),
            ("1:1.0-2", "2:1.0", false),
            ("1-1,2-1", ">=2", true),
            ("1.0-2", "1.0-1", false),
        ] {
            assert_eq!(fulfils(Scheme::Rpm, have, asked, false, false), answer, "{have} {asked}");
        }
    }

    #[test]
    fn the_forms_of_a_list_are_read() {
        let list = Value::List(vec![
            Value::from("a"),
            Value::from(fleet_common::value::Map::from_iter([("b:amd64", Value::Float(1.0))])),
        ]);
        let all = wanted(Some("x"), None, &list, &[":amd64".to_owned()]).unwrap();
        assert_eq!(all.iter().map(Wanted::shown).collect::<Vec<_>>(), ["a", "b=1.0"]);
        assert_eq!(wanted(Some("a,b"), None, &Value::Null, &[]).unwrap().len(), 2);
        assert!(wanted(None, None, &Value::from(vec!["-o"]), &[]).is_err());
        assert!(sources(&Value::from("x")).is_err());
    }
}
