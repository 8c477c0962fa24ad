//! Methods of int and float.

use num_bigint::BigInt;

use super::super::fault::Fault;
use super::super::object::Val;
use super::Table;

/// The methods of int.
pub(super) const INT_METHODS: Table = &[
    ("bit_length", |_, value, arguments| {
        arguments.finish()?;
        let bits = match value {
            Val::Big(number) => number.bits(),
            other => BigInt::from(other.as_int().unwrap_or(0)).bits(),
        };
        Ok(Val::Int(bits as i64))
    }),
    ("conjugate", |_, value, _| Ok(value.clone())),
];

/// The methods of float.
pub(super) const FLOAT_METHODS: Table = &[
    ("is_integer", |_, value, arguments| {
        arguments.finish()?;
        Ok(Val::Bool(value.as_float().is_some_and(|number| number.is_finite() && number.fract() == 0.0)))
    }),
    ("hex", |_, _, _| Err(Fault::error("float.hex is not supported yet"))),
];
