//! Values as Python prints them: `repr()` and `str()`.

use std::fmt::Write;

use super::Value;

/// The text `str()` gives: text and numbers as they are, containers as [`repr`] shows them.
pub fn str_(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        other => repr(other),
    }
}

/// The text `repr()` gives: text quoted and escaped, `None`, `True`, floats in their shortest form.
pub fn repr(value: &Value) -> String {
    let mut out = String::new();
    write_repr(&mut out, value);
    out
}

/// Appends what [`repr`] gives.
pub fn write_repr(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(number) => push_fmt(out, format_args!("{number}")),
        Value::BigInt(number) => push_fmt(out, format_args!("{number}")),
        Value::Float(number) => out.push_str(&float(*number)),
        Value::Str(text) => write_text(out, text),
        Value::Bytes(bytes) => write_bytes(out, bytes),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_repr(out, item);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_repr(out, key);
                out.push_str(": ");
                write_repr(out, value);
            }
            out.push('}');
        }
    }
}

/// A float as `repr()` gives it: the shortest digits that read back, an exponent below 1e-4 and from 1e16.
pub fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = shortest(number);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let digits = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let digits = i32::try_from(digits).unwrap_or(0) - exponent;
        return format!("{number:.*}", usize::try_from(digits.max(1)).unwrap_or(1));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// The fewest digits that read back, in `1.5e3` form. Of two that are equally near Python takes the even one.
fn shortest(number: f64) -> String {
    let shortest = format!("{number:e}");
    let digits = shortest.find('e').map_or(0, |e| shortest[..e].split_once('.').map_or(0, |(_, f)| f.len()));
    let even = format!("{number:.digits$e}");
    if even.parse::<f64>().is_ok_and(|read| read.to_bits() == number.to_bits()) { even } else { shortest }
}

/// The lines of a text without their ends, as `splitlines()` divides it (at form feeds and others, too).
pub fn lines(text: &str) -> Vec<&str> {
    lines_with_ends(text)
        .into_iter()
        .map(|line| line.strip_suffix("\r\n").unwrap_or(line.trim_end_matches(is_line_end)))
        .collect()
}

/// The lines of a text with their ends.
pub fn lines_with_ends(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut start, mut chars) = (0, text.char_indices().peekable());
    while let Some((at, c)) = chars.next() {
        if is_line_end(c) && !(c == '\r' && chars.peek().is_some_and(|(_, next)| *next == '\n')) {
            let end = at + c.len_utf8();
            lines.push(&text[start..end]);
            start = end;
        }
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// True for characters that Python prints as they are.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // A first character keeps combining marks from being escaped for standing alone.
    let mut buffer = [b'a'; 5];
    let length = c.encode_utf8(&mut buffer[1..]).len();
    let text = std::str::from_utf8(&buffer[..=length]).unwrap_or("");
    text.escape_debug().count() == 2
}

fn push_fmt(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a String takes all text");
}

/// Single quotes, unless the text has some and no double ones.
fn quote_for(single: bool, double: bool) -> char {
    if single && !double { '"' } else { '\'' }
}

fn write_text(out: &mut String, text: &str) {
    let quote = quote_for(text.contains('\''), text.contains('"'));
    out.reserve(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if is_printable(c) => out.push(c),
            c => match u32::from(c) {
                code @ 0..=0xff => push_fmt(out, format_args!("\\x{code:02x}")),
                code @ 0x100..=0xffff => push_fmt(out, format_args!("\\u{code:04x}")),
                code => push_fmt(out, format_args!("\\U{code:08x}")),
            },
        }
    }
    out.push(quote);
}

fn write_bytes(out: &mut String, bytes: &[u8]) {
    let quote = quote_for(bytes.contains(&b'\''), bytes.contains(&b'"'));
    out.push('b');
    out.push(quote);
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b if char::from(*b) == quote => {
                out.push('\\');
                out.push(quote);
            }
            0x20..=0x7e => out.push(char::from(*byte)),
            _ => push_fmt(out, format_args!("\\x{byte:02x}")),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Map;

    #[test]
    fn floats_print_as_in_python() {
        let cases = [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123456789.125, "123456789.125"),
            (f64::from_bits(0x42EB_B43E_571E_39A4), "243687631679949.12"),
            (0.1 + 0.2, "0.30000000000000004"),
            (5e-324, "5e-324"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (number, text) in cases {
            assert_eq!(float(number), text);
        }
    }

    #[test]
    fn lines_end_where_python_ends_them() {
        assert_eq!(lines("a\r\nb\n\nc\u{c}d\u{2028}"), ["a", "b", "", "c", "d"]);
        assert_eq!(lines_with_ends("a\r\n\rb"), ["a\r\n", "\r", "b"]);
    }

    #[test]
    fn text_is_quoted_as_in_python() {
        let cases = [
            ("a'b", "\"a'b\""),
            ("a'\"b", "'a\\'\"b'"),
            ("x\n\u{7f}\u{a0}é\u{301}日\u{200b}\u{e000}\u{1f600}", "'x\\n\\x7f\\xa0é\u{301}日\\u200b\\ue000\u{1f600}'"),
        ];
        for (text, shown) in cases {
            assert_eq!(repr(&Value::from(text)), shown);
        }
        assert_eq!(repr(&Value::Bytes(b"a\x00'".to_vec())), "b\"a\\x00'\"");
    }

    #[test]
    fn containers_print_their_parts_quoted() {
        let map = Map::from_iter([(Value::from("a"), Value::Null), (Value::Int(1), Value::from(vec![true, false]))]);
        assert_eq!(str_(&Value::Map(map)), "{'a': None, 1: [True, False]}");
        assert_eq!(str_(&Value::from("x")), "x");
    }
}
