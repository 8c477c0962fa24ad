//! Which type a plain scalar or a written tag stands for: the implicit resolvers of YAML 1.1 as PyYAML
//! has them (floats need a dot and a signed exponent, `y` and `n` are text, dates stay text).

use super::node::Tag;

const PREFIX: &str = "tag:yaml.org,2002:";

/// The type of a plain scalar, by its text.
pub(super) fn plain(text: &str) -> Tag {
    match text.as_bytes().first() {
        None => Tag::Null,
        Some(b'-' | b'+' | b'.' | b'0'..=b'9') => number(text),
        Some(b'~' | b'n' | b'N' | b'y' | b'Y' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'=' | b'<') => word(text),
        Some(_) => Tag::Str,
    }
}

/// The type a written tag names; `None` for no tag and the lone `!`, where the content decides.
pub(super) fn written(tag: Option<&str>) -> Option<Tag> {
    let tag = tag.filter(|tag| *tag != "!")?;
    Some(match tag.strip_prefix(PREFIX) {
        Some("null") => Tag::Null,
        Some("bool") => Tag::Bool,
        Some("int") => Tag::Int,
        Some("float") => Tag::Float,
        Some("str" | "python/unicode") => Tag::Str,
        Some("binary") => Tag::Binary,
        Some("timestamp") => Tag::Timestamp,
        Some("seq") => Tag::Seq,
        Some("map") => Tag::Map,
        Some("set") => Tag::Set,
        Some("omap") => Tag::Omap,
        Some("pairs") => Tag::Pairs,
        _ => Tag::Other(tag.to_owned()),
    })
}

/// True if a text is read back as text when it is written plain by PyYAML, which also knows timestamps.
pub(super) fn is_text(text: &str) -> bool {
    plain(text) == Tag::Str && !is_timestamp(text.as_bytes())
}

/// `YYYY-MM-DD`, or a date and time with optional fraction and zone.
fn is_timestamp(text: &[u8]) -> bool {
    if text.len() < 8 || !text[..4].iter().all(u8::is_ascii_digit) || text[4] != b'-' {
        return false;
    }
    if let [m1, m2, b'-', d1, d2] = text[5..] {
        return [m1, m2, d1, d2].iter().all(u8::is_ascii_digit);
    }
    is_date_and_time(&text[5..]).unwrap_or(false)
}

/// After `YYYY-`: month, day, `T` or blanks, time, fraction, zone. `None` where the text stops to fit.
fn is_date_and_time(text: &[u8]) -> Option<bool> {
    let rest = skip_digits(text, 1, 2)?.strip_prefix(b"-")?;
    let rest = skip_digits(rest, 1, 2)?;
    let rest = match rest.split_first()? {
        (b'T' | b't', rest) => rest,
        _ => Some(skip_blanks(rest)).filter(|after| after.len() < rest.len())?,
    };
    let rest = skip_digits(rest, 1, 2)?.strip_prefix(b":")?;
    let rest = skip_digits(rest, 2, 2)?.strip_prefix(b":")?;
    let mut rest = skip_digits(rest, 2, 2)?;
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = &fraction[fraction.iter().take_while(|c| c.is_ascii_digit()).count()..];
    }
    Some(match skip_blanks(rest) {
        [] => rest.is_empty(),
        b"Z" => true,
        [b'-' | b'+', zone @ ..] => match skip_digits(zone, 1, 2)? {
            [] => true,
            minutes => skip_digits(minutes.strip_prefix(b":")?, 2, 2)?.is_empty(),
        },
        _ => false,
    })
}

fn skip_digits(text: &[u8], least: usize, most: usize) -> Option<&[u8]> {
    let count = text.iter().take(most).take_while(|c| c.is_ascii_digit()).count();
    (count >= least).then(|| &text[count..])
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|c| matches!(c, b' ' | b'\t')).count()..]
}

fn word(text: &str) -> Tag {
    match text {
        "~" | "null" | "Null" | "NULL" => Tag::Null,
        "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "true" | "True" | "TRUE" | "false" | "False" | "FALSE" | "on"
        | "On" | "ON" | "off" | "Off" | "OFF" => Tag::Bool,
        "<<" => Tag::Merge,
        "=" => Tag::Default,
        _ => Tag::Str,
    }
}

fn number(text: &str) -> Tag {
    let bytes = text.as_bytes();
    let unsigned = match bytes[0] {
        b'-' | b'+' => &bytes[1..],
        _ => bytes,
    };
    if is_integer(unsigned) {
        Tag::Int
    } else if is_float(bytes, unsigned) {
        Tag::Float
    } else {
        Tag::Str
    }
}

fn is_integer(digits: &[u8]) -> bool {
    match digits {
        [b'0'] => true,
        [b'0', b'b', rest @ ..] if !rest.is_empty() => rest.iter().all(|c| matches!(c, b'0' | b'1' | b'_')),
        [b'0', b'x', rest @ ..] if !rest.is_empty() => rest.iter().all(|c| c.is_ascii_hexdigit() || *c == b'_'),
        [b'0', rest @ ..] => rest.iter().all(|c| matches!(c, b'0'..=b'7' | b'_')),
        [b'1'..=b'9', ..] => {
            let rest = &digits[digit_run(digits)..];
            rest.is_empty() || sexagesimal_run(rest) == Some(rest.len())
        }
        _ => false,
    }
}

fn is_float(text: &[u8], unsigned: &[u8]) -> bool {
    match unsigned {
        [b'0'..=b'9', ..] => {
            let rest = &unsigned[digit_run(unsigned)..];
            match rest.first() {
                Some(b'.') => is_exponent(&rest[1 + digit_run(&rest[1..])..]),
                Some(b':') => match sexagesimal_run(rest).map(|run| &rest[run..]) {
                    Some([b'.', fraction @ ..]) => digit_run(fraction) == fraction.len(),
                    _ => false,
                },
                _ => false,
            }
        }
        b".inf" | b".Inf" | b".INF" => true,
        // Only these two have no sign.
        b".nan" | b".NaN" | b".NAN" => text.len() == unsigned.len(),
        [b'.', b'0'..=b'9', ..] if text.len() == unsigned.len() => {
            is_exponent(&unsigned[1 + digit_run(&unsigned[1..])..])
        }
        _ => false,
    }
}

/// How many digits and underscores there are at the start.
fn digit_run(text: &[u8]) -> usize {
    text.iter().take_while(|c| c.is_ascii_digit() || **c == b'_').count()
}

/// The length of one or more `:M` or `:MM` groups at the start, each below 60.
fn sexagesimal_run(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while text.get(at) == Some(&b':') {
        match (text.get(at + 1), text.get(at + 2)) {
            (Some(b'0'..=b'5'), Some(b'0'..=b'9')) => at += 3,
            (Some(b'0'..=b'9'), _) => at += 2,
            _ => return None,
        }
    }
    (at > 0).then_some(at)
}

fn is_exponent(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b'e' | b'E', b'-' | b'+', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Tag, plain};

    #[test]
    fn plain_scalars_resolve_as_the_reference_does() {
        for text in ["1", "-0", "+1", "0755", "0b10", "0xfF", "1_000", "1:30", "190:20:30", "0_7", "00"] {
            assert_eq!(plain(text), Tag::Int, "{text}");
        }
        for text in ["1.", "1.5", "-1.5e+3", ".5", "1:30.5", ".inf", "-.INF", ".nan", "01.50", "1_0.2_5", "1.e+3"] {
            assert_eq!(plain(text), Tag::Float, "{text}");
        }
        for text in [
            "08",
            "0o7",
            "1e3",
            "1.0e3",
            "1:60",
            "01:30",
            "-.5",
            "-.nan",
            "_1",
            "0X1",
            ".",
            "-",
            "2001-01-01",
            "y",
            "._5",
        ] {
            assert_eq!(plain(text), Tag::Str, "{text}");
        }
        assert_eq!((plain(""), plain("~"), plain("on"), plain("<<")), (Tag::Null, Tag::Null, Tag::Bool, Tag::Merge));
    }
}
