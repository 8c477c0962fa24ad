//! Filters on numbers and truth.

use num_traits::Num;

use super::super::fault::{Fault, Res};
use super::super::interpret::{Arguments, Run};
use super::super::object::{MissingKind, Val};
use super::super::operate;
use super::Table;

/// The filters.
pub(super) const FILTERS: Table = &[
    ("abs", |_, value, _| match value.defined()? {
        Val::Float(number) => Ok(Val::Float(number.abs())),
        Val::Bool(truth) => Ok(Val::Int(i64::from(truth))),
        other => {
            let negative = other.order(&Val::Int(0), "<")?.is_lt();
            if negative { operate::negative(&other) } else { Ok(other) }
        }
    }),
    ("avg", avg),
    ("d", default),
    ("default", default),
    ("filesizeformat", filesizeformat),
    ("float", |_, value, arguments| {
        let default = arguments.take("default").unwrap_or(Val::Float(0.0));
        let parsed = match value.defined()? {
            Val::Str(text) => python_float(&text),
            other => other.as_float(),
        };
        Ok(parsed.map_or(default, Val::Float))
    }),
    ("human_to_bytes", human_to_bytes),
    ("int", int),
    ("round", round),
    ("str_to_num", |_, value, _| to_number(&value)),
    ("to_bool", |_, value, _| Ok(Val::Bool(to_bool(&value)?))),
    ("to_num", |_, value, _| to_number(&value)),
];

fn default(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let default = arguments.take("default_value").unwrap_or_else(|| Val::str(""));
    let falsy = arguments.flag("boolean", false)?;
    arguments.finish()?;
    match &value {
        Val::Undefined(_) => Ok(default),
        other if falsy && !other.truth()? => Ok(default),
        _ => Ok(value),
    }
}

/// `float(text)`.
pub(super) fn python_float(text: &str) -> Option<f64> {
    let text = text.trim().replace('_', "");
    let plain = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let known = matches!(plain.as_str(), "inf" | "infinity" | "nan");
    if known || plain.starts_with(|c: char| c.is_ascii_digit() || c == '.') { text.parse().ok() } else { None }
}

fn int(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let default = arguments.take("default").unwrap_or(Val::Int(0));
    let base = arguments.integer("base")?.unwrap_or(10);
    arguments.finish()?;
    let parsed = match value.defined()? {
        Val::Str(text) => python_int(&text, base).or_else(|| python_float(&text).and_then(truncated)),
        Val::Float(number) => truncated(number),
        number @ (Val::Int(_) | Val::Big(_)) => Some(number),
        other => other.as_int().map(Val::Int),
    };
    Ok(parsed.unwrap_or(default))
}

fn truncated(number: f64) -> Option<Val> {
    use num_traits::FromPrimitive;
    num_bigint::BigInt::from_f64(number.trunc()).map(Val::integer)
}

fn python_int(text: &str, base: i64) -> Option<Val> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (&text[..1], rest),
        None => ("", text),
    };
    let lower = digits.to_ascii_lowercase();
    let prefixed = |prefix: &str| lower.strip_prefix(prefix);
    let (digits, base) = match base {
        16 => (prefixed("0x").unwrap_or(&lower), 16),
        8 => (prefixed("0o").unwrap_or(&lower), 8),
        2 => (prefixed("0b").unwrap_or(&lower), 2),
        0 => match (prefixed("0x"), prefixed("0o"), prefixed("0b")) {
            (Some(rest), _, _) => (rest, 16),
            (_, Some(rest), _) => (rest, 8),
            (_, _, Some(rest)) => (rest, 2),
            _ => (lower.as_str(), 10),
        },
        other => (lower.as_str(), u32::try_from(other).ok().filter(|base| (2..=36).contains(base))?),
    };
    let clean = digits.replace('_', "");
    if clean.is_empty() || clean.len() > 4300 || clean.starts_with(['+', '-']) {
        return None;
    }
    num_bigint::BigInt::from_str_radix(&format!("{sign}{clean}"), base).ok().map(Val::integer)
}

fn round(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let precision = arguments.integer("precision")?.unwrap_or(0).clamp(-300, 300) as i32;
    let method = arguments.text("method", "common")?;
    let value = value.defined()?;
    let Some(number) = value.as_float() else {
        return Err(Fault::error(format!("type {} doesn't define __round__ method", value.type_name())));
    };
    let scale = 10f64.powi(precision);
    let rounded = match method.as_str() {
        "common" if !matches!(value, Val::Float(_)) && precision >= 0 => return Ok(value),
        "common" if precision >= 0 => format!("{number:.*}", precision as usize).parse().unwrap_or(number),
        "common" => {
            let rounded = (number * scale).round_ties_even() / scale;
            let whole = !matches!(value, Val::Float(_));
            return Ok(truncated(rounded).filter(|_| whole).unwrap_or(Val::Float(rounded)));
        }
        "ceil" => (number * scale).ceil() / scale,
        "floor" => (number * scale).floor() / scale,
        _ => return Err(Fault::error("method must be common, ceil or floor")),
    };
    Ok(Val::Float(rounded))
}

fn filesizeformat(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let binary = arguments.flag("binary", false)?;
    let value = value.defined()?;
    let bytes = match &value {
        Val::Str(text) => python_float(text),
        other => other.as_float(),
    };
    let Some(bytes) = bytes else {
        return Err(Fault::error(format!("could not convert string to float: {}", value.repr())));
    };
    let base = if binary { 1024.0 } else { 1000.0 };
    let units = if binary {
        ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
    } else {
        ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    };
    if bytes == 1.0 {
        return Ok(Val::str("1 Byte"));
    }
    if bytes < base {
        return Ok(Val::str(format!("{} Bytes", bytes as i64)));
    }
    let mut size = bytes / base;
    let mut unit = 0;
    while size >= base && unit + 1 < units.len() {
        size /= base;
        unit += 1;
    }
    Ok(Val::str(format!("{size:.1} {}", units[unit])))
}

fn avg(_: &mut Run<'_>, value: Val, _: &mut Arguments) -> Res {
    let items = match &value {
        Val::Str(text) => match python_float(text) {
            Some(number) => vec![Val::Float(number)],
            None => return Err(Fault::error(format!("could not convert string to float: {}", value.repr()))),
        },
        Val::Int(_) | Val::Float(_) | Val::Bool(_) => vec![value],
        other => other.items()?,
    };
    if items.is_empty() {
        return Err(Fault::error("division by zero"));
    }
    let mut sum = 0.0;
    for item in &items {
        match item.as_float() {
            Some(number) => sum += number,
            None => {
                let kind = item.type_name();
                return Err(Fault::error(format!("unsupported operand type(s) for +: 'int' and '{kind}'")));
            }
        }
    }
    Ok(Val::Float(sum / items.len() as f64))
}

fn to_bool(value: &Val) -> Res<bool> {
    Ok(match value {
        Val::Undefined(missing) if missing.kind == MissingKind::Strict => return Err(Fault::missing(missing)),
        Val::None => false,
        Val::Bool(truth) => *truth,
        Val::Str(text) => matches!(text.to_lowercase().as_str(), "yes" | "1" | "true"),
        Val::Int(number) => *number > 0,
        Val::Big(_) => value.order(&Val::Int(0), ">")?.is_gt(),
        Val::List(_) | Val::Tuple(_) | Val::Dict(_) | Val::Set(_) => value.truth()?,
        _ => false,
    })
}

fn to_number(value: &Val) -> Res {
    let text = match value {
        Val::Str(text) => text,
        Val::Int(_) | Val::Big(_) | Val::Float(_) | Val::Bool(_) => return Ok(value.clone()),
        Val::Undefined(missing) => return Err(Fault::missing(missing)),
        other => {
            let kind = other.type_name();
            let message = "int() argument must be a string, a bytes-like object or a real number";
            return Err(Fault::error(format!("{message}, not '{kind}'")));
        }
    };
    if let Some(number) = python_int(text, 10) {
        return Ok(number);
    }
    Ok(python_float(text).map_or_else(|| value.clone(), Val::Float))
}

fn human_to_bytes(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let default = arguments.text("default_unit", "B")?;
    let metric = arguments.flag("handle_metric", false)?;
    let text = value.text()?;
    let text = text.trim();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let unit = if unit.is_empty() { default.as_str() } else { unit };
    let Some(number) = python_float(number) else { return Ok(Val::Int(0)) };
    let upper = unit.to_ascii_uppercase();
    let power = match upper.chars().next() {
        Some('B') if upper == "B" => 0,
        Some(c) => match "KMGTPEZY".find(c) {
            Some(index) => index as i32 + 1,
            None => return Ok(Val::Int(0)),
        },
        None => 0,
    };
    if !matches!(upper.get(1..).unwrap_or(""), "" | "B" | "IB") {
        return Ok(Val::Int(0));
    }
    let base: f64 = if metric && upper.len() == 2 && upper.ends_with('B') { 1000.0 } else { 1024.0 };
    Ok(truncated(number * base.powi(power)).unwrap_or(Val::Int(0)))
}
