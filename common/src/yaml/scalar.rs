//! Values of scalars: integers, floats, truth values and bytes from their text.

use super::error::brief;
use super::node::Tag;
use crate::value::{BigInt, Value};

/// Python refuses to read more decimal digits than this; the time to read them is quadratic.
const MOST_DIGITS: usize = 4300;

/// Builds a scalar of a type. The error is the problem, without place.
pub(super) fn build(tag: &Tag, text: String) -> Result<Value, String> {
    match tag {
        Tag::Null => Ok(Value::Null),
        Tag::Bool => truth(&text).map(Value::Bool).ok_or_else(|| format!("'{}' is not a truth value", brief(&text))),
        Tag::Int => integer(&text).ok_or_else(|| format!("'{}' is not an integer", brief(&text))),
        Tag::Float => float(&text).map(Value::Float).ok_or_else(|| format!("'{}' is not a number", brief(&text))),
        Tag::Binary => base64(&text).map(Value::Bytes),
        Tag::Str | Tag::Timestamp => Ok(Value::Str(text)),
        Tag::Merge => Err(undetermined("tag:yaml.org,2002:merge")),
        Tag::Default => Err(undetermined("tag:yaml.org,2002:value")),
        Tag::Other(tag) => Err(undetermined(tag)),
        Tag::Seq | Tag::Omap | Tag::Pairs => Err("expected a sequence node, but found scalar".to_owned()),
        Tag::Map | Tag::Set => Err("expected a mapping node, but found scalar".to_owned()),
    }
}

/// The problem of a tag that nothing is built from.
pub(super) fn undetermined(tag: &str) -> String {
    format!("could not determine a constructor for the tag '{}'", brief(tag))
}

fn truth(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "yes" | "true" | "on" => Some(true),
        "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// Integers in all their notations. A text that starts with `0` loses its zeros and is decimal (`0644` is 644);
/// with a sign before, a leading zero still means octal.
fn integer(text: &str) -> Option<Value> {
    let mut text = text;
    if text != "0" && text.starts_with('0') && !text.starts_with("0b") && !text.starts_with("0x") {
        text = text.trim_start_matches('0');
        if text.is_empty() {
            text = "0";
        }
    }
    if let Ok(small) = text.parse::<i64>()
        && (!text.starts_with(['-', '+']) || text.as_bytes().get(1) != Some(&b'0'))
    {
        return Some(Value::Int(small));
    }
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.as_bytes().first()? {
        b'-' => (true, &plain[1..]),
        b'+' => (false, &plain[1..]),
        _ => (false, plain.as_str()),
    };
    let number = unsigned_integer(digits)?;
    Some(Value::integer(if negative { -number } else { number }))
}

fn unsigned_integer(digits: &str) -> Option<BigInt> {
    if digits.len() > MOST_DIGITS {
        return None;
    }
    if digits == "0" {
        return Some(BigInt::default());
    }
    if let Some(binary) = digits.strip_prefix("0b") {
        return radix(binary, 2);
    }
    if let Some(hexadecimal) = digits.strip_prefix("0x") {
        return radix(hexadecimal, 16);
    }
    if digits.starts_with('0') {
        return radix(digits, 8);
    }
    if digits.contains(':') {
        let mut parts = digits.split(':').map(|part| radix(part, 10));
        return parts.try_fold(BigInt::default(), |sum, part| Some(sum * 60 + part?));
    }
    radix(digits.trim(), 10)
}

fn radix(digits: &str, base: u32) -> Option<BigInt> {
    // A second sign would be accepted by the parser.
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    BigInt::parse_bytes(digits.as_bytes(), base)
}

fn float(text: &str) -> Option<f64> {
    let plain = text.replace('_', "").to_lowercase();
    let (sign, digits) = match plain.as_bytes().first()? {
        b'-' => (-1.0, &plain[1..]),
        b'+' => (1.0, &plain[1..]),
        _ => (1.0, plain.as_str()),
    };
    match digits {
        ".inf" => Some(sign * f64::INFINITY),
        ".nan" => Some(f64::NAN),
        _ if digits.contains(':') => {
            let mut parts = digits.split(':').rev().map(|part| part.parse::<f64>().ok());
            let sum =
                parts.by_ref().zip(0..).try_fold(0.0, |sum, (part, power)| Some(sum + part? * 60f64.powi(power)))?;
            Some(sign * sum)
        }
        _ => digits.trim().parse::<f64>().ok().map(|number| sign * number),
    }
}

/// Base64 as Python's `decodebytes` takes it: other characters are skipped, a missing pad is a fault.
fn base64(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held, mut pads) = (0u32, 0u8, 0u8);
    for c in text.bytes() {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                if held >= 2 {
                    pads += 1;
                    if held + pads >= 4 {
                        return Ok(out);
                    }
                }
                continue;
            }
            _ => continue,
        };
        pads = 0;
        bits = bits << 6 | u32::from(six);
        held = (held + 1) % 4;
        if held != 1 {
            let shift = [0, 0, 4, 2][usize::from(held)];
            out.push((bits >> shift) as u8);
        }
    }
    if held == 0 { Ok(out) } else { Err("failed to decode base64 data: Incorrect padding".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_follow_the_reference() {
        let cases = [
            ("0644", 644),
            ("-0644", -420),
            ("+010", 8),
            ("1_000", 1000),
            ("0x1F", 31),
            ("-0b11", -3),
            ("1:30", 90),
            ("00", 0),
        ];
        for (text, number) in cases {
            assert_eq!(integer(text), Some(Value::Int(number)), "{text}");
        }
        assert_eq!(integer("18446744073709551616").map(|n| n.kind()), Some("int"));
        assert_eq!(
            (integer("abc"), integer("0b"), integer("--1"), integer(&"9".repeat(5000))),
            (None, None, None, None)
        );
    }

    #[test]
    fn bytes_follow_python() {
        assert_eq!(base64("aGVs bG8=\n"), Ok(b"hello".to_vec()));
        assert_eq!(base64("@@@"), Ok(Vec::new()));
        assert!(base64("aGVsbG8").is_err());
    }
}
