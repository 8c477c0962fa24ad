//! Rules on calls, as `publisher_acl` of a master and `minion_acl` of a minion write them: which functions, and with
//! which arguments. What no rule names is not allowed.

use crate::target::{Pcre, glob};
use crate::value::{Map, Value, python};

/// Most rules of one list: a configuration is written by people.
const MOST: usize = 10_000;

/// A name in a rule: a glob, or a regular expression when it holds what globs do not have (`^ $ ( ) | + \`).
#[derive(Debug, Clone)]
pub enum Expression {
    /// Shell-style.
    Glob(String),
    /// Matches whole texts only.
    Regex(Pcre),
}

impl Expression {
    /// A pattern for names of functions and users.
    pub fn name(text: &str) -> Result<Self, String> {
        if text.contains(['^', '$', '(', ')', '|', '+', '\\']) {
            Self::regex(text)
        } else {
            Ok(Self::Glob(text.to_owned()))
        }
    }

    /// A regular expression; the whole text has to match, where the reference looks at its beginning.
    pub fn regex(text: &str) -> Result<Self, String> {
        // The end of the text, and not before a line break as `$` is.
        Pcre::new(&format!("(?:{text})\\Z")).map(Self::Regex).map_err(|error| format!("'{text}': {error}"))
    }

    /// True for a text that is meant.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Glob(pattern) => glob::matches(pattern, text),
            Self::Regex(regex) => regex.matches(text),
        }
    }
}

/// Which calls are allowed.
#[derive(Debug, Clone, Default)]
pub struct CallRules(Vec<CallRule>);

#[derive(Debug, Clone)]
struct CallRule {
    function: Expression,
    /// `None`: any arguments.
    arguments: Option<Arguments>,
}

/// Arguments beyond those named here are not allowed. `None` stands for any value.
#[derive(Debug, Clone, Default)]
struct Arguments {
    positional: Vec<Option<Expression>>,
    keyword: Vec<(String, Option<Expression>)>,
}

impl CallRules {
    /// Reads one entry (`test.*`, or `cmd.run: {args: [...], kwargs: {...}}`) or a list of them.
    pub fn parse(value: &Value) -> Result<Self, String> {
        let items = match value {
            Value::List(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut rules = Self::default();
        for item in items {
            match item {
                Value::Map(map) => {
                    for (function, arguments) in map {
                        rules.add(function, Some(arguments))?;
                    }
                }
                name => rules.add(name, None)?,
            }
        }
        Ok(rules)
    }

    /// Adds one rule; `arguments` is its mapping with `args` and `kwargs`.
    pub fn add(&mut self, function: &Value, arguments: Option<&Value>) -> Result<(), String> {
        let name = function.as_str().ok_or_else(|| "a function is named by a text".to_owned())?;
        if self.0.len() >= MOST {
            return Err(format!("more than {MOST} rules"));
        }
        let arguments = arguments.map(|arguments| Arguments::parse(name, arguments)).transpose()?;
        self.0.push(CallRule { function: Expression::name(name)?, arguments });
        Ok(())
    }

    /// True when there are no rules at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when a rule allows the call.
    pub fn allow(&self, function: &str, positional: &[Value], keyword: &Map) -> bool {
        self.0.iter().any(|rule| {
            rule.function.matches(function)
                && rule.arguments.as_ref().is_none_or(|arguments| arguments.allow(positional, keyword))
        })
    }
}

impl Arguments {
    fn parse(function: &str, value: &Value) -> Result<Self, String> {
        let map = value.as_map().ok_or_else(|| format!("'{function}': a mapping with args and kwargs is expected"))?;
        let mut arguments = Self::default();
        for (key, value) in map {
            match (key.as_str(), value) {
                (Some("args"), Value::List(items)) => {
                    arguments.positional = items.iter().map(pattern).collect::<Result<_, _>>()?;
                }
                (Some("kwargs"), Value::Map(map)) => {
                    for (name, value) in map {
                        let name = name.as_str().ok_or_else(|| format!("'{function}': argument names are texts"))?;
                        arguments.keyword.push((name.to_owned(), pattern(value)?));
                    }
                }
                _ => {
                    return Err(format!("'{function}': 'args' with a list and 'kwargs' with a mapping are expected"));
                }
            }
        }
        Ok(arguments)
    }

    fn allow(&self, positional: &[Value], keyword: &Map) -> bool {
        let fits = |expression: &Option<Expression>, value: &Value| {
            expression.as_ref().is_none_or(|expression| expression.matches(&python::str_(value)))
        };
        positional.len() <= self.positional.len()
            && self.positional.iter().enumerate().all(|(at, expression)| match positional.get(at) {
                Some(value) => fits(expression, value),
                // One that was left out is only right where any value is.
                None => expression.is_none(),
            })
            && keyword.iter().all(|(name, value)| {
                self.keyword.iter().any(|(known, expression)| name.as_str() == Some(known) && fits(expression, value))
            })
            && self.keyword.iter().all(|(name, expression)| expression.is_none() || keyword.contains(name.as_str()))
    }
}

fn pattern(value: &Value) -> Result<Option<Expression>, String> {
    match value {
        Value::Null => Ok(None),
        value => Expression::regex(&python::str_(value)).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn rules(text: &str) -> CallRules {
        CallRules::parse(&yaml::load(text, "rules").unwrap().value).unwrap()
    }

    fn allowed(rules: &CallRules, function: &str, positional: &[&str], keyword: &[(&str, &str)]) -> bool {
        let positional: Vec<Value> = positional.iter().map(|text| Value::from(*text)).collect();
        rules.allow(function, &positional, &keyword.iter().map(|(name, value)| (*name, *value)).collect())
    }

    #[test]
    fn what_no_rule_names_is_not_allowed() {
        assert!(!allowed(&CallRules::default(), "test.ping", &[], &[]));
        let rules = rules("[test.*, pkg.list_pkgs, '(grains|pillar)\\.get']");
        for good in ["test.ping", "test.arg", "pkg.list_pkgs", "pillar.get"] {
            assert!(allowed(&rules, good, &["any"], &[("a", "b")]), "{good}");
        }
        // A dot is a dot, and a pattern is the whole name.
        for bad in ["testing.ping", "pkg.list_pkgs_all", "xpkg.list_pkgs", "pillar.get.x", "cmd.run", "xpillar.get"] {
            assert!(!allowed(&rules, bad, &[], &[]), "{bad}");
        }
    }

    #[test]
    fn arguments_are_compared_whole_and_others_are_refused() {
        let rules = rules("cmd.run: {args: ['systemctl (start|stop) [a-z]+'], kwargs: {cwd: /srv/.*, timeout: null}}");
        let good = |arguments: &[&str], keyword: &[(&str, &str)]| allowed(&rules, "cmd.run", arguments, keyword);
        assert!(good(&["systemctl start nginx"], &[("cwd", "/srv/x")]));
        assert!(good(&["systemctl start nginx"], &[("cwd", "/srv/x"), ("timeout", "5")]));
        assert!(!good(&["systemctl start nginx; id"], &[("cwd", "/srv/x")]), "not only its beginning");
        assert!(!good(&["systemctl start nginx\n"], &[("cwd", "/srv/x")]), "nor up to a line break");
        assert!(!good(&["systemctl start nginx"], &[]), "a required one left out");
        assert!(!good(&[], &[("cwd", "/srv/x")]));
        assert!(!good(&["systemctl start nginx", "more"], &[("cwd", "/srv/x")]), "one too many");
        assert!(!good(&["systemctl start nginx"], &[("cwd", "/srv/x"), ("runas", "root")]), "one not named");
        assert!(!good(&[], &[("cmd", "systemctl start nginx"), ("cwd", "/srv/x")]), "by another way");
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["[1]", "cmd.run: 5", "cmd.run: {arg: [x]}", "cmd.run: {args: x}", "cmd.run: {args: ['(']}", "'a('"]
        {
            assert!(CallRules::parse(&yaml::load(bad, "rules").unwrap().value).is_err(), "{bad}");
        }
    }
}
