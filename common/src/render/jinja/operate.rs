//! Arithmetic, comparison and containment as Python does them, with its messages.

use std::cell::Cell;
use std::cmp::Ordering;
use std::rc::Rc;

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use super::fault::{Fault, Res};
use super::object::{Key, Object, TextKey, Val};
use super::size;
use super::tree::Operator;

/// `left op right`.
pub(super) fn arithmetic(op: Operator, left: &Val, right: &Val) -> Res {
    for side in [left, right] {
        if let Val::Undefined(missing) = side {
            return Err(Fault::missing(missing));
        }
    }
    if let (Some(a), Some(b)) = (integer(left), integer(right)) {
        return integers(op, a, b);
    }
    if let (Some(a), Some(b)) = (left.as_float(), right.as_float()) {
        return floats(op, a, b);
    }
    match op {
        Operator::Add => add(left, right),
        Operator::Multiply => multiply(left, right),
        Operator::Remainder if left.is_str() => super::format_percent::format(left.as_str().unwrap_or(""), right),
        Operator::Subtract => match (left, right) {
            (Val::Set(a), Val::Set(b)) => {
                let kept = a.borrow().iter().filter(|key| !b.borrow().contains(*key)).cloned().collect();
                Ok(Val::Set(Rc::new(std::cell::RefCell::new(kept))))
            }
            _ => Err(unsupported(op, left, right)),
        },
        _ => Err(unsupported(op, left, right)),
    }
}

/// `-value`.
pub(super) fn negative(value: &Val) -> Res {
    match value {
        Val::Undefined(missing) => Err(Fault::missing(missing)),
        Val::Float(number) => Ok(Val::Float(-number)),
        _ => match integer(value) {
            Some(Whole::Small(number)) => Ok(Val::integer(-BigInt::from(number))),
            Some(Whole::Big(number)) => Ok(Val::integer(-(*number).clone())),
            None => Err(Fault::error(format!("bad operand type for unary -: '{}'", value.type_name()))),
        },
    }
}

enum Whole {
    Small(i64),
    Big(Rc<BigInt>),
}

impl Whole {
    fn big(self) -> BigInt {
        match self {
            Self::Small(number) => BigInt::from(number),
            Self::Big(number) => (*number).clone(),
        }
    }
    fn float(&self) -> f64 {
        match self {
            Self::Small(number) => *number as f64,
            Self::Big(number) => number.to_f64().unwrap_or(f64::INFINITY),
        }
    }
}

fn integer(value: &Val) -> Option<Whole> {
    match value {
        Val::Big(number) => Some(Whole::Big(number.clone())),
        other => other.as_int().map(Whole::Small),
    }
}

fn integers(op: Operator, left: Whole, right: Whole) -> Res {
    if let (Whole::Small(a), Whole::Small(b)) = (&left, &right) {
        let small = match op {
            Operator::Add => a.checked_add(*b),
            Operator::Subtract => a.checked_sub(*b),
            Operator::Multiply => a.checked_mul(*b),
            _ => None,
        };
        if let Some(number) = small {
            return Ok(Val::Int(number));
        }
    }
    if op == Operator::Divide {
        let divisor = right.float();
        return if divisor == 0.0 {
            Err(Fault::error("division by zero"))
        } else {
            Ok(Val::Float(left.float() / divisor))
        };
    }
    let (a, b) = (left.big(), right.big());
    Ok(Val::integer(match op {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => {
            if a.bits() + b.bits() > 100_000 {
                return Err(Fault::limit("an integer became too large"));
            }
            a * b
        }
        Operator::FloorDivide | Operator::Remainder => {
            if b.is_zero() {
                return Err(Fault::error("integer division or modulo by zero"));
            }
            let (quotient, remainder) = floor_division(&a, &b);
            if op == Operator::FloorDivide { quotient } else { remainder }
        }
        Operator::Power | Operator::Divide => {
            if b.is_negative() {
                return if a.is_zero() {
                    Err(Fault::error("0.0 cannot be raised to a negative power"))
                } else {
                    Ok(Val::Float(a.to_f64().unwrap_or(f64::INFINITY).powf(b.to_f64().unwrap_or(0.0))))
                };
            }
            match b.to_u32() {
                Some(exponent) if a.bits().max(1).saturating_mul(u64::from(exponent)) <= 100_000 => a.pow(exponent),
                _ => return Err(Fault::limit("an integer became too large")),
            }
        }
    }))
}

fn floor_division(a: &BigInt, b: &BigInt) -> (BigInt, BigInt) {
    let (mut quotient, mut remainder) = (a / b, a % b);
    if !remainder.is_zero() && remainder.is_negative() != b.is_negative() {
        quotient -= 1;
        remainder += b;
    }
    (quotient, remainder)
}

fn floats(op: Operator, a: f64, b: f64) -> Res {
    let zero = |message: &str| if b == 0.0 { Err(Fault::error(message)) } else { Ok(()) };
    Ok(Val::Float(match op {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => {
            zero("float division by zero")?;
            a / b
        }
        Operator::FloorDivide => {
            zero("float floor division by zero")?;
            (a / b).floor()
        }
        Operator::Remainder => {
            zero("float modulo")?;
            let remainder = a % b;
            if remainder != 0.0 && (remainder < 0.0) != (b < 0.0) { remainder + b } else { remainder }
        }
        Operator::Power => a.powf(b),
    }))
}

fn add(left: &Val, right: &Val) -> Res {
    match (left, right) {
        (Val::Str(a), Val::Str(b)) => {
            size::text(1, a.len(), b.len())?;
            Ok(Val::str([&**a, &**b].concat()))
        }
        (Val::Bytes(a), Val::Bytes(b)) => {
            size::text(1, a.len(), b.len())?;
            Ok(Val::Bytes([&**a, &**b].concat().into()))
        }
        (Val::List(a), Val::List(b)) => {
            let (a, b) = (a.borrow(), b.borrow());
            size::items(a.len() + b.len())?;
            Ok(Val::list([&**a, &**b].concat()))
        }
        (Val::Tuple(a), Val::Tuple(b)) => {
            size::items(a.len() + b.len())?;
            Ok(Val::tuple([&**a, &**b].concat()))
        }
        (Val::Str(_), other) => {
            Err(Fault::error(format!("can only concatenate str (not \"{}\") to str", other.type_name()))
                .help("use ~ to join text with other values"))
        }
        (Val::List(_), other) => {
            Err(Fault::error(format!("can only concatenate list (not \"{}\") to list", other.type_name())))
        }
        (Val::Tuple(_), other) => {
            Err(Fault::error(format!("can only concatenate tuple (not \"{}\") to tuple", other.type_name())))
        }
        _ => Err(unsupported(Operator::Add, left, right)),
    }
}

fn multiply(left: &Val, right: &Val) -> Res {
    let (sequence, count) = match (left.as_int(), right.as_int()) {
        (_, Some(count)) => (left, count),
        (Some(count), _) => (right, count),
        _ => return Err(unsupported(Operator::Multiply, left, right)),
    };
    let count = usize::try_from(count).unwrap_or(0);
    let bounded = |len: usize| size::items(len.saturating_mul(count));
    Ok(match sequence {
        Val::Str(text) => {
            size::text(count, text.len(), 0)?;
            Val::str(text.repeat(count))
        }
        Val::List(items) => {
            bounded(items.borrow().len())?;
            Val::list(repeated(&items.borrow(), count))
        }
        Val::Tuple(items) => {
            bounded(items.len())?;
            Val::tuple(repeated(items, count))
        }
        _ => return Err(unsupported(Operator::Multiply, left, right)),
    })
}

fn repeated(items: &[Val], count: usize) -> Vec<Val> {
    (0..count).flat_map(|_| items.iter().cloned()).collect()
}

fn unsupported(op: Operator, left: &Val, right: &Val) -> Fault {
    let sign = match op {
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::FloorDivide => "//",
        Operator::Remainder => "%",
        Operator::Power => "** or pow()",
    };
    let (left, right) = (left.type_name(), right.type_name());
    Fault::error(format!("unsupported operand type(s) for {sign}: '{left}' and '{right}'"))
}

impl Val {
    /// `==`, without faults: what is not there, or too large to compare, equals nothing.
    pub fn equals(&self, other: &Self) -> bool {
        self.equal(other).unwrap_or(false)
    }

    /// `==`; none for values too large or too deep to compare.
    pub fn equal(&self, other: &Self) -> Option<bool> {
        self.equal_within(other, 0, &Cell::new(size::COMPARED))
    }

    fn equal_within(&self, other: &Self, depth: usize, left: &Cell<usize>) -> Option<bool> {
        left.set(left.get().checked_sub(1)?);
        if depth > size::DEPTH {
            return None;
        }
        let all = |a: &[Val], b: &[Val]| {
            if a.len() != b.len() {
                return Some(false);
            }
            for (a, b) in a.iter().zip(b) {
                if !a.equal_within(b, depth + 1, left)? {
                    return Some(false);
                }
            }
            Some(true)
        };
        Some(match (self, other) {
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::None, Self::None) => true,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Big(a), Self::Big(b)) => a == b,
            (Self::List(a), Self::List(b)) => Rc::ptr_eq(a, b) || all(&a.borrow(), &b.borrow())?,
            (Self::Tuple(a), Self::Tuple(b)) => Rc::ptr_eq(a, b) || all(a, b)?,
            (Self::Dict(a), Self::Dict(b)) if !Rc::ptr_eq(a, b) => {
                let (a, b) = (a.borrow(), b.borrow());
                if a.len() != b.len() {
                    return Some(false);
                }
                for (key, value) in a.iter() {
                    match b.get(key) {
                        Some(other) if value.equal_within(other, depth + 1, left)? => {}
                        _ => return Some(false),
                    }
                }
                true
            }
            (Self::Dict(_), Self::Dict(_)) => true,
            (Self::Set(a), Self::Set(b)) => {
                let (a, b) = (a.borrow(), b.borrow());
                a.len() == b.len() && a.iter().all(|key| b.contains(key))
            }
            (Self::Object(a), Self::Object(b)) => match (&**a, &**b) {
                (Object::Range(..), Object::Range(..)) | (Object::View(..), Object::View(..)) => {
                    match (self.items(), other.items()) {
                        (Ok(a), Ok(b)) => all(&a, &b)?,
                        _ => false,
                    }
                }
                _ => Rc::ptr_eq(a, b),
            },
            (Self::Big(_), _) | (_, Self::Big(_)) => match (self.as_float(), other.as_float()) {
                (Some(a), Some(b)) => a == b && (matches!(self, Self::Float(_)) || matches!(other, Self::Float(_))),
                _ => false,
            },
            _ => match (self.as_float(), other.as_float()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        })
    }

    /// The order of two values, or the fault Python raises when there is none.
    pub fn order(&self, other: &Self, sign: &str) -> Res<Ordering> {
        self.order_within(other, sign, 0)
    }

    fn order_within(&self, other: &Self, sign: &str, depth: usize) -> Res<Ordering> {
        for side in [self, other] {
            if let Self::Undefined(missing) = side {
                return Err(Fault::missing(missing));
            }
        }
        let unordered = || {
            let (left, right) = (self.type_name(), other.type_name());
            Err(Fault::error(format!("'{sign}' not supported between instances of '{left}' and '{right}'")))
        };
        match (self, other) {
            (Self::Str(a), Self::Str(b)) => Ok(a.cmp(b)),
            (Self::Int(a), Self::Int(b)) => Ok(a.cmp(b)),
            (Self::Bytes(a), Self::Bytes(b)) => Ok(a.cmp(b)),
            (Self::List(a), Self::List(b)) => order_items(&a.borrow(), &b.borrow(), sign, depth),
            (Self::Tuple(a), Self::Tuple(b)) => order_items(a, b, sign, depth),
            _ => match (integer(self), integer(other)) {
                (Some(a), Some(b)) => Ok(a.big().cmp(&b.big())),
                _ => match (self.as_float(), other.as_float()) {
                    // NaN is neither less nor greater; treated as equal it at least sorts.
                    (Some(a), Some(b)) => Ok(a.partial_cmp(&b).unwrap_or(Ordering::Equal)),
                    _ => unordered(),
                },
            },
        }
    }

    /// `item in self`.
    pub fn contains(&self, item: &Self) -> Res<bool> {
        match self {
            Self::Undefined(missing) => Err(Fault::missing(missing)),
            Self::Str(text) => match item {
                Self::Str(part) => Ok(text.contains(&**part)),
                Self::Undefined(missing) => Err(Fault::missing(missing)),
                other => Err(Fault::error(format!(
                    "'in <string>' requires string as left operand, not {}",
                    other.type_name()
                ))),
            },
            Self::Dict(dict) => match item {
                Self::Str(text) => Ok(dict.borrow().contains_key(&TextKey(text))),
                other => Ok(dict.borrow().contains_key(&Key::new(other.clone())?)),
            },
            Self::Set(set) => Ok(set.borrow().contains(&Key::new(item.clone())?)),
            Self::List(items) => Ok(items.borrow().iter().any(|known| known.equals(item))),
            Self::Tuple(items) => Ok(items.iter().any(|known| known.equals(item))),
            Self::Object(object) => match &**object {
                Object::Salt | Object::SaltModule(_) | Object::Namespace(_) => {
                    Err(Fault::error(format!("argument of type '{}' is not iterable", self.type_name())))
                }
                _ => Ok(self.items()?.iter().any(|known| known.equals(item))),
            },
            _ => Err(Fault::error(format!("argument of type '{}' is not iterable", self.type_name()))),
        }
    }
}

fn order_items(a: &[Val], b: &[Val], sign: &str, depth: usize) -> Res<Ordering> {
    if depth > size::DEPTH {
        return Err(size::incomparable());
    }
    for (left, right) in a.iter().zip(b) {
        if !left.equal(right).ok_or_else(size::incomparable)? {
            return left.order_within(right, sign, depth + 1);
        }
    }
    Ok(a.len().cmp(&b.len()))
}

/// Sorts in place, stable in both directions; the first fault of a comparison wins.
pub(super) fn sort(items: &mut [Val], descending: bool, key: impl Fn(&Val) -> Val) -> Res<()> {
    let mut fault = None;
    items.sort_by(|a, b| match key(a).order(&key(b), "<") {
        Ok(order) if descending => order.reverse(),
        Ok(order) => order,
        Err(error) => {
            fault.get_or_insert(error);
            Ordering::Equal
        }
    });
    fault.map_or(Ok(()), Err)
}
