//! Python's `<` between values, and its `sorted()`.

use std::cmp::Ordering;

use num_traits::{FromPrimitive, ToPrimitive};

use super::{BigInt, Value};

/// How Python orders two values; `None` where it refuses to (`1 < 'a'`, mappings, null).
///
/// NaN is neither less nor greater than anything and counts as equal here.
pub fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => Some(a.cmp(b)),
        (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
        (Value::List(a), Value::List(b)) => compare_lists(a, b),
        _ => Some(compare_numbers(&Number::of(a)?, &Number::of(b)?)),
    }
}

/// Sorts by [`compare`] on a key of each item, stable; false (and the order kept) if two of them have no order.
pub fn sort_by_key<T>(items: &mut [T], key: impl Fn(&T) -> &Value) -> bool {
    let comparable = items.windows(2).all(|pair| compare(key(&pair[0]), key(&pair[1])).is_some());
    if comparable {
        items.sort_by(|a, b| compare(key(a), key(b)).unwrap_or(Ordering::Equal));
    }
    comparable
}

fn compare_lists(a: &[Value], b: &[Value]) -> Option<Ordering> {
    match a.iter().zip(b).find(|(a, b)| a != b) {
        Some((a, b)) => compare(a, b),
        None => Some(a.len().cmp(&b.len())),
    }
}

enum Number<'v> {
    Small(i64),
    Big(&'v BigInt),
    Float(f64),
}

impl<'v> Number<'v> {
    fn of(value: &'v Value) -> Option<Self> {
        Some(match value {
            Value::Bool(truth) => Self::Small(i64::from(*truth)),
            Value::Int(number) => Self::Small(*number),
            Value::BigInt(number) => Self::Big(number),
            Value::Float(number) => Self::Float(*number),
            _ => return None,
        })
    }
    fn whole(&self) -> Option<BigInt> {
        match self {
            Self::Small(number) => Some(BigInt::from(*number)),
            Self::Big(number) => Some((*number).clone()),
            Self::Float(number) => BigInt::from_f64(number.floor()),
        }
    }
    fn float(&self) -> f64 {
        match self {
            Self::Small(number) => *number as f64,
            Self::Big(number) => number.to_f64().unwrap_or(f64::NAN),
            Self::Float(number) => *number,
        }
    }
    fn has_fraction(&self) -> bool {
        matches!(self, Self::Float(number) if number.fract() != 0.0)
    }
}

fn compare_numbers(a: &Number<'_>, b: &Number<'_>) -> Ordering {
    match (a, b) {
        (Number::Small(a), Number::Small(b)) => a.cmp(b),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        // Exact, also where a float can not hold the integer; what is not finite has no whole part.
        _ => match (a.whole(), b.whole()) {
            (Some(x), Some(y)) => x.cmp(&y).then_with(|| a.has_fraction().cmp(&b.has_fraction())),
            _ => a.float().partial_cmp(&b.float()).unwrap_or(Ordering::Equal),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_exactly() {
        let big = Value::from(i128::from(i64::MAX) + 2);
        assert_eq!(compare(&big, &Value::Float(9.3e18)), Some(Ordering::Less));
        assert_eq!(compare(&Value::Int(-2), &Value::Float(-1.5)), Some(Ordering::Less));
        assert_eq!(compare(&Value::Float(1.5), &Value::Bool(true)), Some(Ordering::Greater));
        assert_eq!(compare(&Value::Float(f64::INFINITY), &big), Some(Ordering::Greater));
        assert_eq!(compare(&Value::Int(1), &Value::from("a")), None);
        assert_eq!(compare(&Value::from(vec![1, 2]), &Value::from(vec![1])), Some(Ordering::Greater));
    }

    #[test]
    fn what_has_no_order_is_not_sorted() {
        let mut mixed = [Value::from("b"), Value::Int(1)];
        assert!(!sort_by_key(&mut mixed, |value| value));
        let mut texts = [Value::from("b"), Value::from("a")];
        assert!(sort_by_key(&mut texts, |value| value));
        assert_eq!(texts[0], Value::from("a"));
    }
}
