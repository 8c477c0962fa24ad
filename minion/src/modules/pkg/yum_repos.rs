//! Repositories of dnf: what is configured, what would be, and writing it.

use fleet_common::call::{CallError, FromValue};
use fleet_common::value::{Map, Value};

use super::repos::Managed;
use crate::system::dnf::Places;
use crate::system::dnf::repos::{Repository, directories, list};
use crate::system::fs::FileFault;

/// What configuring a repository comes to.
#[derive(Debug, Clone)]
pub struct YumConfigured {
    /// As it is to be.
    pub repository: Repository,
    /// What it was.
    pub former: Option<Repository>,
}

impl YumConfigured {
    /// True when nothing is to be written.
    pub fn is_settled(&self) -> bool {
        self.former.as_ref() == Some(&self.repository)
    }

    /// What changes, as the state tells it.
    pub fn changes(&self) -> Map {
        let new = facts(&self.repository);
        let Some(former) = &self.former else { return Map::from_iter([("repo", self.repository.id.as_str())]) };
        let old = facts(former);
        let value = |map: &Map, key: &Value| map.get_value(key).cloned().unwrap_or(Value::Null);
        let keys: Vec<&Value> = old.iter().chain(new.iter()).map(|(key, _)| key).collect();
        let mut changes = Map::new();
        for key in keys {
            let (was, is) = (value(&old, key), value(&new, key));
            if was != is {
                changes.insert(key.clone(), Map::from_iter([("new", is), ("old", was)]));
            }
        }
        changes
    }
}

/// A repository as the functions return it.
pub fn facts(repository: &Repository) -> Map {
    let mut facts: Map = repository.options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    if !repository.comments.is_empty() {
        facts.insert("comments", repository.comments.join("\n"));
    }
    facts
}

pub(super) fn fault(fault: FileFault) -> CallError {
    CallError::Failed(fault.to_string())
}

/// The configured repository of this id.
pub fn yum_find(places: &Places, id: &str) -> Result<Option<Repository>, CallError> {
    Ok(list(places).map_err(fault)?.into_iter().find(|known| known.id == id))
}

/// Arguments that only apt's sources know: refused by name.
fn refuse_others(args: &Managed) -> Result<(), CallError> {
    let given = [
        ("architectures", !args.architectures.is_empty()),
        ("clean_file", args.clean_file),
        ("comps", !args.comps.is_empty()),
        ("dist", args.dist.is_some()),
        ("file", args.file.is_some()),
        ("key_text", args.key_text.is_some()),
        ("key_url", args.key_url.is_some()),
        ("keyid", args.keyid.truthy()),
        ("keyserver", args.keyserver.is_some()),
        ("ppa", args.ppa.is_some()),
        ("signedby", args.signedby.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(CallError::Unsupported(format!(
            "'{name}' of a repository of dnf; 'gpgkey' names its key, 'basedir' the directory of its file"
        ))),
        None => Ok(()),
    }
}

/// A value as it is written; an empty one takes the option away.
fn written(key: &str, value: &Value) -> Result<String, CallError> {
    let text = match value {
        Value::Bool(on) => if *on { "1" } else { "0" }.to_owned(),
        Value::Null => String::new(),
        Value::List(_) => Vec::<String>::from_value(value.clone())
            .map_err(|_| CallError::Invocation(format!("'{key}' is a text or a list of texts")))?
            .join(" "),
        one => String::from_value(one.clone())
            .map_err(|_| CallError::Invocation(format!("'{key}' is a text, a number or a truth value")))?,
    };
    if text.contains(['\n', '\r', '\0']) || key.is_empty() || key.contains(['=', '\n', '[', ' ']) {
        return Err(CallError::Invocation(format!("'{key}' is one line of text, not {text:?}")));
    }
    Ok(text)
}

/// What is to be written so that a repository is configured as asked. `name_it`: without a name for people it is its id.
pub fn yum_configure(places: &Places, args: &Managed, name_it: bool) -> Result<YumConfigured, CallError> {
    refuse_others(args)?;
    let id = args.name.as_str();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if id.is_empty() || !id.chars().all(is_plain) || id.starts_with('.') {
        return Err(CallError::Invocation(format!(
            "'{id}' is no id of a repository: letters, digits and - _ . : are allowed"
        )));
    }
    let former = yum_find(places, id)?;
    let mut asked: Vec<(String, Value)> = Vec::new();
    let mut ask = |key: &str, value: Option<Value>| asked.extend(value.map(|value| (key.to_owned(), value)));
    let named = args.humanname.clone().or_else(|| name_it.then(|| id.to_owned()));
    ask("name", named.map(Value::from));
    ask("baseurl", args.baseurl.clone().filter(|url| !url.is_null()));
    ask("mirrorlist", args.mirrorlist.clone().map(Value::from));
    for (key, value) in [("gpgcheck", &args.gpgcheck), ("gpgkey", &args.gpgkey)] {
        ask(key, (!value.is_null()).then(|| value.clone()));
    }
    let enabled = args.enabled.or(args.disabled.map(|disabled| !disabled));
    let is_told = former.as_ref().is_some_and(|former| former.option("enabled").is_some());
    // Enabled is what a repository is when nothing is said.
    ask(
        "enabled",
        enabled.or(name_it.then_some(true)).filter(|on| !on || is_told || former.is_none()).map(Value::Bool),
    );
    let mut basedir = None;
    for (key, value) in &args.options {
        let key = key.as_str().unwrap_or_default();
        if key == "basedir" {
            basedir = value.as_str().map(std::path::PathBuf::from)
        } else {
            ask(key, Some(value.clone()))
        }
    }
    let mut repository = match &former {
        Some(former) => former.clone(),
        None => {
            let directory = basedir.or(directories(places).map_err(fault)?.into_iter().next()).unwrap_or_default();
            let file = directory.join(format!("{id}.repo"));
            Repository { id: id.to_owned(), file, options: Vec::new(), comments: Vec::new() }
        }
    };
    for (key, value) in &asked {
        set(&mut repository, key, written(key, value)?);
    }
    if !args.comments.is_empty() {
        repository.comments =
            args.comments.iter().flat_map(|text| text.lines()).map(|line| line.trim().to_owned()).collect();
    }
    if !["baseurl", "mirrorlist", "metalink"].iter().any(|key| repository.option(key).is_some()) {
        let text = if former.is_some() {
            format!("Cannot delete the only address of repo '{id}': give one of baseurl, mirrorlist, metalink")
        } else {
            format!("The repo '{id}' does not exist and needs to be created: give one of baseurl, mirrorlist, metalink")
        };
        return Err(CallError::Invocation(text));
    }
    if repository.option("name").is_none() {
        return Err(CallError::Invocation(format!("The repo '{id}' needs a 'name'")));
    }
    Ok(YumConfigured { repository, former })
}

fn set(repository: &mut Repository, key: &str, text: String) {
    let at = repository.options.iter().position(|(known, _)| known == key);
    match (at, text.is_empty()) {
        (Some(at), true) => drop(repository.options.remove(at)),
        (Some(at), false) => {
            if let Some((_, value)) = repository.options.get_mut(at) {
                *value = text;
            }
        }
        (None, true) => {}
        (None, false) => repository.options.push((key.to_owned(), text)),
    }
}
