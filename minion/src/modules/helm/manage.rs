//! Which repositories of charts there should be, which there are, and the difference.

use fleet_common::args;
use fleet_common::call::CallError;
use fleet_common::value::{Map, Value};

use super::options::Options;
use super::repo::{Add, Named, add, known, remove};
use crate::cx::Act;

args! {
    /// Arguments of `helm.repo_manage`.
    pub struct Wanted {
        /// Repositories that should be there: mappings with `name` and `url`.
        present: Option<Vec<Map>> = None,
        /// Names of those that should not.
        absent: Option<Vec<String>> = None,
        /// Remove all others, too.
        prune: bool = false,
        /// The namespace; repositories have none, but Helm takes it.
        namespace: Option<String> = None,
        /// Options without a value, with or without their dashes.
        flags: Option<Vec<String>> = None,
        /// Options with a value by name; a list gives one several times.
        kvflags: Option<Map> = None,
    }
}

/// What has to be done, and after that what was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    /// Repositories that are there and stay.
    pub present: Vec<(String, String)>,
    /// Repositories to add.
    pub added: Vec<(String, String)>,
    /// Names that were not there.
    pub absent: Vec<String>,
    /// Names to remove.
    pub removed: Vec<String>,
    /// What Helm refused: the entry, and its words.
    pub failed: Vec<(Value, String)>,
}

impl Wanted {
    /// What differs; nothing is changed.
    ///
    /// # Errors
    /// Says which entry makes no sense.
    pub fn difference(&self) -> Result<Difference, CallError> {
        let present = self.present.iter().flatten().map(entry).collect::<Result<Vec<_>, _>>()?;
        let absent = self.absent.as_deref().unwrap_or_default();
        if let Some((name, _)) = present.iter().find(|(name, _)| absent.contains(name)) {
            let why = format!("the repository '{name}' is in 'present' and in 'absent'");
            return Err(CallError::Invocation(why));
        }
        difference(&present, absent, self.prune, self.options()?.has("force-update"), known(self.options()?.global())?)
    }

    fn options(&self) -> Result<Options, CallError> {
        let flags = self.flags.as_deref().unwrap_or_default();
        let namespace = self.namespace.as_deref().map_or(Value::Null, Value::from);
        Options::new(flags, self.kvflags.as_ref())?.with("namespace", &namespace)
    }
}

/// An entry of `present`.
fn entry(entry: &Map) -> Result<(String, String), CallError> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    match (text("name"), text("url")) {
        (Some(name), Some(url)) if entry.len() == 2 => Ok((name, url)),
        _ => Err(CallError::Invocation(
            "Parameter present have to be formatted like [{'name': '<myRepoName>', 'url': '<myRepoUrl>'}]".to_owned(),
        )),
    }
}

fn difference(
    present: &[(String, String)],
    absent: &[String],
    prune: bool,
    replace: bool,
    known: Vec<(String, String)>,
) -> Result<Difference, CallError> {
    let mut found = Difference::default();
    for wanted in present {
        match known.iter().find(|(name, _)| *name == wanted.0) {
            Some(there) if there == wanted => found.present.push(wanted.clone()),
            Some(_) if !replace => {
                return Err(CallError::Failed(format!(
                    "the repository '{}' is there with another address: remove it, or give the flag 'force-update'",
                    wanted.0
                )));
            }
            _ => found.added.push(wanted.clone()),
        }
    }
    for name in absent {
        let list = if known.iter().any(|(there, _)| there == name) { &mut found.removed } else { &mut found.absent };
        if !list.contains(name) {
            list.push(name.clone());
        }
    }
    for (name, url) in known {
        if present.iter().any(|(wanted, _)| *wanted == name) || found.removed.contains(&name) {
            continue;
        }
        if prune {
            found.removed.push(name);
        } else {
            found.present.push((name, url));
        }
    }
    Ok(found)
}

impl Difference {
    /// True if something has to be done.
    pub fn is_some(&self) -> bool {
        !self.added.is_empty() || !self.removed.is_empty()
    }

    /// Makes it so; what Helm refuses does not keep the others from being done.
    ///
    /// # Errors
    /// When the options make no sense.
    pub fn make(mut self, act: &Act, wanted: &Wanted) -> Result<Self, CallError> {
        let Wanted { namespace, flags, kvflags, .. } = wanted;
        wanted.options()?;
        for (name, url) in std::mem::take(&mut self.added) {
            let (flags, kvflags) = (flags.clone(), kvflags.clone());
            let one = Add { name: name.clone(), url: url.clone(), namespace: namespace.clone(), flags, kvflags };
            match add(act, &one) {
                Ok(_) => self.added.push((name, url)),
                Err(why) => self.failed.push((shown(&(name, url)), why.to_string())),
            }
        }
        for name in std::mem::take(&mut self.removed) {
            let one = Named { name: name.clone(), namespace: namespace.clone(), flags: None, kvflags: None };
            match remove(act, &one) {
                Ok(_) => self.removed.push(name),
                Err(why) => self.failed.push((name.into(), why.to_string())),
            }
        }
        Ok(self)
    }

    /// The lists by their names.
    pub fn report(&self) -> Map {
        let repositories = |list: &[(String, String)]| list.iter().map(shown).collect::<Value>();
        let names = |list: &[String]| list.iter().map(|name| Value::from(name.as_str())).collect::<Value>();
        Map::from_iter([
            ("present", repositories(&self.present)),
            ("added", repositories(&self.added)),
            ("absent", names(&self.absent)),
            ("removed", names(&self.removed)),
            ("failed", self.failed.iter().map(|(entry, _)| entry.clone()).collect()),
        ])
    }
}

fn shown((name, url): &(String, String)) -> Value {
    Map::from_iter([("name", name.as_str()), ("url", url.as_str())]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, url)| ((*name).to_owned(), (*url).to_owned())).collect()
    }

    #[test]
    fn what_is_there_stays_and_the_rest_is_added_removed_or_refused() {
        let there = || pairs(&[("one", "http://one"), ("two", "http://two"), ("three", "http://three")]);
        let wanted = pairs(&[("two", "http://two"), ("new", "http://new")]);
        let absent = ["one".to_owned(), "nobody".to_owned(), "one".to_owned()];
        let found = difference(&wanted, &absent, false, false, there()).unwrap();
        assert_eq!(found.present, pairs(&[("two", "http://two"), ("three", "http://three")]));
        assert_eq!((found.added.len(), found.removed.as_slice()), (1, &absent[..1]));
        assert_eq!(found.absent, ["nobody"]);
        let pruned = difference(&wanted, &absent, true, false, there()).unwrap();
        assert_eq!(pruned.removed, ["one", "three"]);
        assert!(!difference(&there(), &[], true, false, there()).unwrap().is_some());
        let other = pairs(&[("one", "http://other")]);
        assert!(difference(&other, &[], false, false, there()).is_err());
        assert_eq!(difference(&other, &[], false, true, there()).unwrap().added, other);
    }

    #[test]
    fn entries_have_a_name_an_address_and_nothing_else() {
        let map = |keys: &[&str]| keys.iter().map(|&key| (key, "x")).collect::<Map>();
        assert!(entry(&map(&["name", "url"])).is_ok());
        for keys in [&["name"][..], &["url"], &[], &["name", "url", "username"]] {
            assert!(entry(&map(keys)).is_err());
        }
    }
}
