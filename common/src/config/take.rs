//! From a written value to the type a program wants.

use std::time::Duration;

use crate::value::{Map, Value};

/// A type that a configuration value can become.
pub trait FromConfig: Sized {
    /// Converts, or says what is expected (`a number of seconds`).
    fn from_config(value: &Value) -> Result<Self, String>;
}

impl FromConfig for bool {
    fn from_config(value: &Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| "True or False".to_owned())
    }
}

impl FromConfig for String {
    fn from_config(value: &Value) -> Result<Self, String> {
        match value {
            Value::Str(text) => Ok(text.clone()),
            Value::Int(number) => Ok(number.to_string()),
            Value::Float(number) => Ok(number.to_string()),
            _ => Err("a text".to_owned()),
        }
    }
}

macro_rules! whole_numbers {
    ($($kind:ty),*) => { $(impl FromConfig for $kind {
        fn from_config(value: &Value) -> Result<Self, String> {
            value.as_int().and_then(|number| number.try_into().ok())
                .ok_or_else(|| format!("a whole number from {} to {}", <$kind>::MIN, <$kind>::MAX))
        }
    })* };
}
whole_numbers!(u16, u32, u64, i64, usize);

/// Seconds, whole or not.
impl FromConfig for Duration {
    fn from_config(value: &Value) -> Result<Self, String> {
        let seconds = value.as_float().filter(|seconds| (0.0..=1e9).contains(seconds));
        seconds.map(Duration::from_secs_f64).ok_or_else(|| "a number of seconds".to_owned())
    }
}

impl FromConfig for Value {
    fn from_config(value: &Value) -> Result<Self, String> {
        Ok(value.clone())
    }
}

impl FromConfig for Map {
    fn from_config(value: &Value) -> Result<Self, String> {
        value.as_map().cloned().ok_or_else(|| "a mapping".to_owned())
    }
}

/// A single value stands for a list of one.
impl<T: FromConfig> FromConfig for Vec<T> {
    fn from_config(value: &Value) -> Result<Self, String> {
        match value {
            Value::List(items) => items.iter().map(T::from_config).collect(),
            other => {
                T::from_config(other).map(|item| vec![item]).map_err(|expected| format!("{expected} or a list of it"))
            }
        }
    }
}
