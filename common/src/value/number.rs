//! Equality and hashing of values as Python has them: `1`, `1.0` and `True` are one key.

use std::hash::{Hash, Hasher};

use num_bigint::BigInt;
use num_traits::FromPrimitive;

use super::Value;

/// Hashes text exactly as [`Value::Str`] does.
pub(super) fn hash_text<H: Hasher>(text: &str, state: &mut H) {
    state.write_u8(2);
    text.hash(state);
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        use Value::{BigInt as Big, Bool, Bytes, Float, Int, List, Map, Null, Str};
        match (self, other) {
            (Null, Null) => true,
            (Str(a), Str(b)) => a == b,
            (Bytes(a), Bytes(b)) => a == b,
            (List(a), List(b)) => a == b,
            (Map(a), Map(b)) => a == b,
            (Bool(a), Bool(b)) => a == b,
            (Int(a), Int(b)) => a == b,
            (Big(a), Big(b)) => a == b,
            (Float(a), Float(b)) => a == b,
            (Bool(a), Int(b)) | (Int(b), Bool(a)) => i64::from(*a) == *b,
            (Bool(a), Float(b)) | (Float(b), Bool(a)) => f64::from(u8::from(*a)) == *b,
            (Int(a), Float(b)) | (Float(b), Int(a)) => integral(*b).is_some_and(|b| b == BigInt::from(*a)),
            (Big(a), Float(b)) | (Float(b), Big(a)) => integral(*b).is_some_and(|b| b == **a),
            _ => false,
        }
    }
}

/// Map keys need total equality; NaN is the one value that is not equal to itself, as in Python.
impl Eq for Value {}

/// The whole number a float stands for, if it is one.
fn integral(number: f64) -> Option<BigInt> {
    (number.is_finite() && number.fract() == 0.0).then(|| BigInt::from_f64(number)).flatten()
}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Null => state.write_u8(0),
            Self::Bool(truth) => hash_integer(i64::from(*truth), state),
            Self::Int(number) => hash_integer(*number, state),
            Self::BigInt(number) => hash_big(number, state),
            Self::Float(number) => match integral(*number) {
                Some(whole) => match i64::try_from(&whole) {
                    Ok(small) => hash_integer(small, state),
                    Err(_) => hash_big(&whole, state),
                },
                None => {
                    state.write_u8(4);
                    number.to_bits().hash(state);
                }
            },
            Self::Str(text) => hash_text(text, state),
            Self::Bytes(bytes) => {
                state.write_u8(5);
                bytes.hash(state);
            }
            Self::List(items) => {
                state.write_u8(6);
                items.hash(state);
            }
            // Order does not count for equality, so only the size may count for the hash.
            Self::Map(map) => {
                state.write_u8(7);
                map.len().hash(state);
            }
        }
    }
}

fn hash_integer<H: Hasher>(number: i64, state: &mut H) {
    state.write_u8(1);
    number.hash(state);
}

fn hash_big<H: Hasher>(number: &BigInt, state: &mut H) {
    state.write_u8(3);
    number.hash(state);
}
