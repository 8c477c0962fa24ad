//! Options of Helm's command line: those that are given by name, and those that have arguments of their own.

use fleet_common::call::{CallError, FromValue};
use fleet_common::value::{Map, Value};

/// Options that every command of Helm takes.
const GLOBAL: [&str; 16] = [
    "burst-limit",
    "debug",
    "kube-apiserver",
    "kube-as-group",
    "kube-as-user",
    "kube-ca-file",
    "kube-context",
    "kube-insecure-skip-tls-verify",
    "kube-tls-server-name",
    "kube-token",
    "kubeconfig",
    "namespace",
    "qps",
    "registry-config",
    "repository-cache",
    "repository-config",
];
/// Options whose values no list of processes may show.
const SECRET: [&str; 2] = ["kube-token", "password"];

/// What stands behind the words of a command.
#[derive(Clone, Default, PartialEq)]
pub struct Options {
    /// Without a value, with their dashes.
    flags: Vec<String>,
    /// By name without dashes, in the order given.
    values: Vec<(String, String)>,
}

impl Options {
    /// Options as they are given: flags with or without dashes, and values by name.
    ///
    /// # Errors
    /// Says which is none, or that a secret would be seen.
    pub fn new(flags: &[String], values: Option<&Map>) -> Result<Self, CallError> {
        let mut options = Self::default();
        for flag in flags {
            let name = named(flag)?;
            if SECRET.contains(&name) {
                return Err(CallError::Invocation(format!("'{name}' has a value: give it in 'kvflags'")));
            }
            options.flags.push(if flag.starts_with('-') { flag.clone() } else { format!("--{flag}") });
        }
        for (name, value) in values.into_iter().flatten() {
            let Some(name) = name.as_str().filter(|name| !name.contains('=')) else {
                return Err(CallError::Invocation("'kvflags' is a mapping of names of options to values".to_owned()));
            };
            options = options.with(named(name)?, value)?;
        }
        Ok(options)
    }

    /// Gives an option a value instead of those that it has; a list gives it several times, null leaves all as it is.
    ///
    /// # Errors
    /// Says of which option the value is none.
    pub fn with(mut self, name: &str, value: &Value) -> Result<Self, CallError> {
        let odd =
            || CallError::Invocation(format!("the value of Helm's option '{name}' is a text, or a list of texts"));
        let texts = match value {
            Value::Null => return Ok(self),
            Value::List(items) => items.iter().map(text).collect::<Option<Vec<_>>>().ok_or_else(odd)?,
            one => vec![text(one).ok_or_else(odd)?],
        };
        let at = self.values.iter().position(|(known, _)| known == name).unwrap_or(self.values.len());
        self.values.retain(|(known, _)| known != name);
        self.values.splice(at..at, texts.into_iter().map(|text| (name.to_owned(), text)));
        Ok(self)
    }

    /// Adds an option without a value unless it is there.
    #[must_use]
    pub fn flag(mut self, name: &str) -> Self {
        let flag = format!("--{name}");
        if !self.flags.contains(&flag) {
            self.flags.push(flag);
        }
        self
    }

    /// The value of an option.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Takes an option with a value away; the value.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.values.iter().position(|(known, _)| known == name)?;
        Some(self.values.remove(at).1)
    }

    /// True if an option without a value is given.
    pub fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag.trim_start_matches('-') == name)
    }

    /// Those that every command takes, for another command than the one they were given for.
    #[must_use]
    pub fn global(&self) -> Self {
        let of_all = |flag: &str| named(flag).is_ok_and(|name| GLOBAL.contains(&name));
        Self {
            flags: self.flags.iter().filter(|flag| of_all(flag)).cloned().collect(),
            values: self.values.iter().filter(|(name, _)| of_all(name)).cloned().collect(),
        }
    }

    /// The words of the command line.
    pub fn words(&self) -> impl Iterator<Item = String> + '_ {
        let values = self.values.iter().flat_map(|(name, value)| [format!("--{name}"), value.clone()]);
        self.flags.iter().cloned().chain(values)
    }
}

/// The name in an option: without dashes, and without a value behind `=`.
fn named(option: &str) -> Result<&str, CallError> {
    let bare = option.trim_start_matches('-');
    let name = bare.split('=').next().unwrap_or_default();
    let dashes = option.len() - bare.len();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if dashes > 2 || !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(fits) {
        // What stands behind may be meant as a secret.
        return Err(CallError::Invocation(format!("'{name}' is no name of an option of Helm")));
    }
    Ok(name)
}

/// A text or a number; of true and false nobody knows whether the option takes them as a value.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Bool(_) | Value::Null => None,
        other => String::from_value(other.clone()).ok().filter(|text| !text.contains('\0')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(flags: &[&str], values: &[(&str, Value)]) -> Result<Options, CallError> {
        let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        let values = values.iter().map(|(name, value)| (Value::from(*name), value.clone())).collect::<Map>();
        Options::new(&flags, Some(&values))
    }

    #[test]
    fn flags_come_first_and_values_replace_each_other_in_place() {
        let list = Value::List(vec!["a=1".into(), "b=2".into()]);
        let given = [("namespace", Value::from("old")), ("--set", list), ("timeout", 5.into())];
        let options = options(&["wait", "--debug", "-q", "post-renderer-args=x"], &given).unwrap();
        let options = options.with("namespace", &"new".into()).unwrap().with("version", &Value::Null).unwrap();
        let line: Vec<String> = options.words().collect();
        let wanted = "--wait --debug -q --post-renderer-args=x --namespace new --set a=1 --set b=2 --timeout 5";
        assert_eq!(line.join(" "), wanted);
        assert_eq!(options.global().words().collect::<Vec<_>>().join(" "), "--debug --namespace new");
    }

    #[test]
    fn what_is_no_option_is_refused_and_no_secret_is_shown() {
        for flag in ["", "-", "---x", "a b", "x\0", "password=hidden", "kube-token=hidden", "1", "_=hidden"] {
            let refused = options(&[flag], &[]).map(drop).unwrap_err().to_string();
            assert!(!refused.contains("hidden"), "{refused}");
        }
        for (name, value) in [("a=b", Value::from("x")), ("wait", true.into()), ("x", Value::Map(Map::new()))] {
            assert!(options(&[], &[(name, value)]).is_err(), "{name}");
        }
    }
}
