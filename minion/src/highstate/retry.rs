//! `retry`: calling a state again until its result is as wanted.

use std::time::Duration;

use fleet_common::call::FromValue;
use fleet_common::value::Value;

/// How often and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Calls at most; below 2 the state is called once.
    pub attempts: i64,
    /// The result that ends it.
    pub until: Option<bool>,
    /// Seconds between calls.
    pub interval: u64,
    /// A random part of the pause, in seconds.
    pub splay: u64,
}

impl Retry {
    /// Reads the option: `True`, or a mapping (or list of mappings) of `attempts`, `until`, `interval`, `splay`.
    /// What is of the wrong kind keeps its default, said as a warning.
    pub fn parse(option: &Value) -> (Self, Vec<String>) {
        let mut retry = Self { attempts: 2, until: Some(true), interval: 30, splay: 0 };
        let mut warnings = Vec::new();
        let entries = match option {
            Value::Bool(true) => return (retry, warnings),
            Value::Bool(false) => return (Self { attempts: 0, ..retry }, warnings),
            Value::Map(map) => vec![map],
            Value::List(items) => items.iter().filter_map(Value::as_map).collect(),
            _ => {
                warnings.push("State is set to retry, but a valid dict for retry configuration was not found.  Using retry defaults".to_owned());
                return (retry, warnings);
            }
        };
        for (key, value) in entries.into_iter().flatten() {
            let whole = || i64::from_value(value.clone()).ok();
            let number = || whole().and_then(|number| u64::try_from(number).ok());
            match key.as_str() {
                Some("attempts") => retry.attempts = whole().map_or(retry.attempts, |n| n.min(10_000)),
                Some("interval") => retry.interval = number().unwrap_or(retry.interval),
                Some("splay") => retry.splay = number().unwrap_or(0),
                Some("until") => retry.until = value.as_bool().or(retry.until),
                _ => warnings.push(format!("retry has no option {key:?}")),
            }
        }
        (retry, warnings)
    }

    /// What a dry run says of it.
    pub fn announcement(&self) -> String {
        format!(
            "The state would be retried every {} seconds (with a splay of up to {} seconds) a maximum of {} times or until a result of {} is returned",
            self.interval,
            self.splay,
            self.attempts,
            result_word(self.until)
        )
    }

    /// The pause before the next call; `random` is any number.
    pub fn pause(&self, random: u64) -> Duration {
        Duration::from_secs(self.interval + if self.splay > 0 { random % (self.splay + 1) } else { 0 })
    }
}

/// A chunk's result as texts name it.
pub fn result_word(result: Option<bool>) -> &'static str {
    match result {
        Some(true) => "True",
        Some(false) => "False",
        None => "None",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_common::value::Map;

    #[test]
    fn defaults_and_settings() {
        let parsed = |option: Value| {
            let (retry, warnings) = Retry::parse(&option);
            (retry.attempts, retry.interval, retry.until, warnings.len())
        };
        assert_eq!(parsed(Value::Bool(true)), (2, 30, Some(true), 0));
        assert_eq!(parsed(Value::Bool(false)), (0, 30, Some(true), 0));
        assert_eq!(parsed(Value::Null), (2, 30, Some(true), 1));
        let map: Map = [("attempts", 5), ("interval", 0)].into_iter().collect();
        assert_eq!(parsed(Value::Map(map)), (5, 0, Some(true), 0));
        assert_eq!(parsed(Value::Map([("until", "True")].into_iter().collect())), (2, 30, Some(true), 0));
        assert_eq!(parsed(Value::Map([("until", false)].into_iter().collect())).2, Some(false));
    }
}
