//! What may stand behind `is`: Jinja's tests and Salt's.

use super::fault::{Fault, Res};
use super::interpret::{Arguments, Run};
use super::object::{Object, Val};
use super::tree::Comparison;
use super::{filters, pattern};

/// A test's code.
pub(super) type TestCode = fn(&mut Run<'_>, &Val, &mut Arguments) -> Res<bool>;

/// A test by name.
pub(super) fn find(name: &str) -> Option<TestCode> {
    TESTS.iter().find(|(known, _)| *known == name).map(|(_, code)| *code)
}

const TESTS: &[(&str, TestCode)] = &[
    ("!=", |_, value, arguments| compare(value, arguments, Comparison::Unequal)),
    ("<", |_, value, arguments| compare(value, arguments, Comparison::Less)),
    ("<=", |_, value, arguments| compare(value, arguments, Comparison::LessOrEqual)),
    ("==", |_, value, arguments| compare(value, arguments, Comparison::Equal)),
    (">", |_, value, arguments| compare(value, arguments, Comparison::Greater)),
    (">=", |_, value, arguments| compare(value, arguments, Comparison::GreaterOrEqual)),
    ("boolean", |_, value, _| Ok(matches!(value, Val::Bool(_)))),
    ("callable", |_, value, _| Ok(callable(value))),
    ("contains_whitespace", |_, value, _| Ok(value.text()?.chars().any(char::is_whitespace))),
    ("defined", |_, value, _| Ok(!value.is_undefined())),
    ("divisibleby", |_, value, arguments| {
        let by = arguments.integer("num")?.unwrap_or(0);
        match value.as_int() {
            Some(_) if by == 0 => Err(Fault::error("integer division or modulo by zero")),
            Some(number) => Ok(number % by == 0),
            None => Err(Fault::error(format!("'{}' is no number", value.type_name()))),
        }
    }),
    ("eq", |_, value, arguments| compare(value, arguments, Comparison::Equal)),
    ("equalto", |_, value, arguments| compare(value, arguments, Comparison::Equal)),
    ("escaped", |_, _, _| Ok(false)),
    ("even", |_, value, _| Ok(whole(value)?.rem_euclid(2) == 0)),
    ("false", |_, value, _| Ok(matches!(value, Val::Bool(false)))),
    ("filter", |_, value, _| Ok(value.as_str().is_some_and(|name| filters::find(name).is_some()))),
    ("float", |_, value, _| Ok(matches!(value, Val::Float(_)))),
    ("ge", |_, value, arguments| compare(value, arguments, Comparison::GreaterOrEqual)),
    ("greaterthan", |_, value, arguments| compare(value, arguments, Comparison::Greater)),
    ("gt", |_, value, arguments| compare(value, arguments, Comparison::Greater)),
    ("in", |_, value, arguments| arguments.need("seq")?.contains(value)),
    ("integer", |_, value, _| Ok(matches!(value, Val::Int(_) | Val::Big(_)))),
    ("is_list", |_, value, _| Ok(matches!(value, Val::List(_)))),
    ("is_iter", |_, value, _| Ok(!value.is_str() && iterable(value))),
    ("iterable", |_, value, _| Ok(iterable(value))),
    ("le", |_, value, arguments| compare(value, arguments, Comparison::LessOrEqual)),
    ("lessthan", |_, value, arguments| compare(value, arguments, Comparison::Less)),
    ("list", |_, value, _| Ok(matches!(value, Val::List(_)))),
    ("lower", |_, value, _| Ok(cased(&value.text()?, false))),
    ("lt", |_, value, arguments| compare(value, arguments, Comparison::Less)),
    ("mapping", |_, value, _| Ok(matches!(value, Val::Dict(_)))),
    ("match", |_, value, arguments| {
        let rex = arguments.need_text("rex")?;
        let flags = pattern::Flags::take(arguments)?;
        arguments.finish()?;
        pattern::compile(&rex, flags)?.matches_start(&value.text()?)
    }),
    ("ne", |_, value, arguments| compare(value, arguments, Comparison::Unequal)),
    ("none", |_, value, _| Ok(value.is_none())),
    ("number", |_, value, _| Ok(matches!(value, Val::Int(_) | Val::Big(_) | Val::Float(_) | Val::Bool(_)))),
    ("odd", |_, value, _| Ok(whole(value)?.rem_euclid(2) == 1)),
    ("sameas", |_, value, arguments| Ok(value.same(&arguments.need("other")?))),
    ("sequence", |_, value, _| {
        Ok(match value {
            Val::Str(_) | Val::List(_) | Val::Tuple(_) | Val::Dict(_) | Val::Bytes(_) => true,
            Val::Object(object) => matches!(**object, Object::Range(..)),
            _ => false,
        })
    }),
    ("string", |_, value, _| Ok(value.is_str())),
    ("test", |_, value, _| Ok(value.as_str().is_some_and(|name| find(name).is_some()))),
    ("true", |_, value, _| Ok(matches!(value, Val::Bool(true)))),
    ("undefined", |_, value, _| Ok(value.is_undefined())),
    ("upper", |_, value, _| Ok(cased(&value.text()?, true))),
];

fn compare(value: &Val, arguments: &mut Arguments, comparison: Comparison) -> Res<bool> {
    let other = arguments.need("other")?;
    super::interpret::compare(comparison, value, &other)
}

fn whole(value: &Val) -> Res<i64> {
    match value {
        Val::Undefined(missing) => Err(Fault::missing(missing)),
        other => other.as_int().ok_or_else(|| Fault::error("not all arguments converted during string formatting")),
    }
}

/// True for what can be called.
fn callable(value: &Val) -> bool {
    match value {
        Val::Object(object) => matches!(
            **object,
            Object::Macro(_)
                | Object::Method(..)
                | Object::Function(..)
                | Object::SaltFunction(_)
                | Object::Loop(_)
                | Object::Joiner(..)
                | Object::BlockCall(..)
        ),
        // Jinja's undefined objects have a `__call__`.
        Val::Undefined(_) => true,
        _ => false,
    }
}

fn iterable(value: &Val) -> bool {
    match value {
        Val::Str(_) | Val::List(_) | Val::Tuple(_) | Val::Dict(_) | Val::Set(_) | Val::Bytes(_) => true,
        Val::Object(object) => {
            matches!(**object, Object::Generator(..) | Object::Range(..) | Object::View(..) | Object::Loop(_))
        }
        _ => false,
    }
}

fn cased(text: &str, upper: bool) -> bool {
    let wrong = |c: char| if upper { c.is_lowercase() } else { c.is_uppercase() };
    let right = |c: char| if upper { c.is_uppercase() } else { c.is_lowercase() };
    text.chars().any(right) && !text.chars().any(wrong)
}
