//! The one data model: what YAML, pillar, grains, arguments, returns and the wire carry.
//!
//! Ordered maps with any key, integers without loss, bytes. Equality, hashing and truth follow Python
//! (`1 == 1.0 == True`), because trees were written against it; [`Value::identical`] tells them apart.

pub mod compare;
mod convert;
pub mod json_dump;
pub mod json_load;
mod map;
pub mod merge;
mod number;
pub mod path;
pub mod pprint;
pub mod python;
mod serde_impl;
pub mod version;

pub use map::{Map, StrKey};
pub use num_bigint::BigInt;

/// A value of the data model.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// `None`, `null`, `~`.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer that fits 64 bits. Integers that fit are never stored as [`Value::BigInt`].
    Int(i64),
    /// An integer beyond 64 bits.
    BigInt(Box<BigInt>),
    /// A floating point number, NaN and infinities included.
    Float(f64),
    /// Text.
    Str(String),
    /// Bytes that are not text.
    Bytes(Vec<u8>),
    /// An ordered list.
    List(Vec<Value>),
    /// An ordered mapping with keys of any kind.
    Map(Map),
}

impl Value {
    /// An integer of any size, stored in its smallest form.
    pub fn integer(number: BigInt) -> Self {
        match i64::try_from(&number) {
            Ok(small) => Self::Int(small),
            Err(_) => Self::BigInt(Box::new(number)),
        }
    }
    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }
    /// The truth value, if this is a bool.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }
    /// The integer, if this is one that fits 64 bits (a bool is not).
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }
    /// The number as a float, if this is a float or a small integer.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            Self::Int(number) => Some(*number as f64),
            _ => None,
        }
    }
    /// The items, if this is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }
    /// The mapping, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }
    /// The mapping, mutable, if this is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }
    /// The entry of a mapping under a text key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map().and_then(|map| map.get(key))
    }
    /// True for `Null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
    /// Truth as Python sees it: empty, zero and null are false.
    pub fn truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) => *number != 0,
            Self::BigInt(_) => true,
            Self::Float(number) => *number != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(map) => !map.is_empty(),
        }
    }
    /// The name a user knows this kind of value by: null, bool, int, float, str, bytes, list, dict.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Map(_) => "dict",
        }
    }
    /// Equality that also tells `1`, `1.0` and `true` apart and takes NaN as equal to itself; map order is ignored.
    pub fn identical(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Self::List(a), Self::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.identical(b)),
            (Self::Map(a), Self::Map(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, value)| {
                        b.get_entry(key).is_some_and(|(k, v)| k.identical(key) && v.identical(value))
                    })
            }
            _ => std::mem::discriminant(self) == std::mem::discriminant(other) && self == other,
        }
    }
}
