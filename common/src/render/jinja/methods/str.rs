//! Methods of str and bytes, except splitting.

use super::super::fault::{Fault, Res};
use super::super::format_braces;
use super::super::interpret::{Arguments, Run};
use super::super::object::{Key, Val};
use super::super::size;
use super::Table;
use super::str_split;

/// The methods of str.
pub(super) const METHODS: Table = &[
    ("capitalize", |_, value, arguments| plain(value, arguments, capitalize)),
    ("casefold", |_, value, arguments| plain(value, arguments, casefold)),
    ("center", |_, value, arguments| pad(value, arguments, Side::Center)),
    ("count", count),
    ("encode", |_, value, arguments| {
        let encoding = arguments.text("encoding", "utf-8")?;
        let errors = arguments.text("errors", "strict")?;
        encode(text(value)?, &encoding, &errors)
    }),
    ("endswith", |_, value, arguments| affix(value, arguments, |text, end| text.ends_with(end))),
    ("expandtabs", expandtabs),
    ("find", |_, value, arguments| Ok(Val::Int(find(value, arguments, false)?.unwrap_or(-1)))),
    ("format", |run, value, arguments| format_braces::format(run, text(value)?, arguments)),
    ("format_map", |run, value, arguments| {
        let map = arguments.need("mapping")?;
        format_braces::format_map(run, text(value)?, map)
    }),
    ("index", |_, value, arguments| found(find(value, arguments, false)?)),
    ("isalnum", |_, value, arguments| every(value, arguments, char::is_alphanumeric)),
    ("isalpha", |_, value, arguments| every(value, arguments, char::is_alphabetic)),
    ("isascii", |_, value, arguments| check(value, arguments, str::is_ascii)),
    ("isdecimal", |_, value, arguments| every(value, arguments, |c| c.is_ascii_digit())),
    ("isdigit", |_, value, arguments| every(value, arguments, is_digit)),
    ("isidentifier", |_, value, arguments| check(value, arguments, is_identifier)),
    ("islower", |_, value, arguments| {
        check(value, arguments, |text| cased(text, char::is_lowercase, char::is_uppercase))
    }),
    ("isnumeric", |_, value, arguments| every(value, arguments, char::is_numeric)),
    ("isprintable", |_, value, arguments| check(value, arguments, |text| !text.chars().any(char::is_control))),
    ("isspace", |_, value, arguments| every(value, arguments, char::is_whitespace)),
    ("istitle", |_, value, arguments| {
        check(value, arguments, |text| !text.is_empty() && title(text) == text && text.chars().any(char::is_uppercase))
    }),
    ("isupper", |_, value, arguments| {
        check(value, arguments, |text| cased(text, char::is_uppercase, char::is_lowercase))
    }),
    ("join", join),
    ("ljust", |_, value, arguments| pad(value, arguments, Side::Left)),
    ("lower", |_, value, arguments| plain(value, arguments, str::to_lowercase)),
    ("lstrip", |_, value, arguments| str_split::strip(text(value)?, arguments, true, false)),
    ("partition", |_, value, arguments| str_split::partition(text(value)?, arguments, false)),
    ("removeprefix", |_, value, arguments| {
        let prefix = arguments.need_text("prefix")?;
        Ok(Val::str(text(value)?.strip_prefix(prefix.as_str()).unwrap_or(text(value)?)))
    }),
    ("removesuffix", |_, value, arguments| {
        let suffix = arguments.need_text("suffix")?;
        Ok(Val::str(text(value)?.strip_suffix(suffix.as_str()).unwrap_or(text(value)?)))
    }),
    ("replace", replace),
    ("rfind", |_, value, arguments| Ok(Val::Int(find(value, arguments, true)?.unwrap_or(-1)))),
    ("rindex", |_, value, arguments| found(find(value, arguments, true)?)),
    ("rjust", |_, value, arguments| pad(value, arguments, Side::Right)),
    ("rpartition", |_, value, arguments| str_split::partition(text(value)?, arguments, true)),
    ("rsplit", |_, value, arguments| str_split::split(text(value)?, arguments, true)),
    ("rstrip", |_, value, arguments| str_split::strip(text(value)?, arguments, false, true)),
    ("split", |_, value, arguments| str_split::split(text(value)?, arguments, false)),
    ("splitlines", |_, value, arguments| str_split::splitlines(text(value)?, arguments)),
    ("startswith", |_, value, arguments| affix(value, arguments, |text, start| text.starts_with(start))),
    ("strip", |_, value, arguments| str_split::strip(text(value)?, arguments, true, true)),
    ("swapcase", |_, value, arguments| plain(value, arguments, swapcase)),
    ("title", |_, value, arguments| plain(value, arguments, title)),
    ("translate", translate),
    ("upper", |_, value, arguments| plain(value, arguments, str::to_uppercase)),
    ("zfill", zfill),
];

/// The methods of bytes.
pub(super) const BYTES_METHODS: Table = &[
    ("decode", |_, value, arguments| {
        arguments.take("encoding");
        arguments.take("errors");
        let Val::Bytes(bytes) = value else { return Err(Fault::error("bytes were expected")) };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Val::str(text)),
            Err(error) => {
                Err(Fault::error(format!("'utf-8' codec can't decode bytes in position {}", error.valid_up_to())))
            }
        }
    }),
    ("hex", |_, value, _| {
        let Val::Bytes(bytes) = value else { return Err(Fault::error("bytes were expected")) };
        Ok(Val::str(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
    }),
];

fn text(value: &Val) -> Res<&str> {
    value.as_str().ok_or_else(|| Fault::error("text was expected"))
}

fn plain(value: &Val, arguments: &Arguments, change: impl Fn(&str) -> String) -> Res {
    arguments.finish()?;
    Ok(Val::str(change(text(value)?)))
}

fn check(value: &Val, arguments: &Arguments, test: impl Fn(&str) -> bool) -> Res {
    arguments.finish()?;
    Ok(Val::Bool(test(text(value)?)))
}

fn every(value: &Val, arguments: &Arguments, test: impl Fn(char) -> bool) -> Res {
    check(value, arguments, |text| !text.is_empty() && text.chars().all(&test))
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || (c.is_numeric() && "²³¹⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉".contains(c))
}

fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c == '_' || c.is_alphabetic()) && chars.all(|c| c == '_' || c.is_alphanumeric())
}

fn cased(text: &str, wanted: impl Fn(char) -> bool, other: impl Fn(char) -> bool) -> bool {
    text.chars().any(&wanted) && !text.chars().any(other)
}

fn casefold(text: &str) -> String {
    text.to_lowercase().replace('ß', "ss").replace('ς', "σ")
}

/// First character upper case, the rest lower.
pub(in super::super) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

fn title(text: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase())
        } else {
            out.extend(c.to_uppercase())
        }
        inside = c.is_alphabetic();
    }
    out
}

fn swapcase(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_uppercase() { out.extend(c.to_lowercase()) } else { out.extend(c.to_uppercase()) }
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Center,
}

fn pad(value: &Val, arguments: &mut Arguments, side: Side) -> Res {
    let width = arguments.integer("width")?.unwrap_or(0).clamp(0, 1_000_000) as usize;
    let fill = arguments.text("fillchar", " ")?;
    arguments.finish()?;
    if fill.chars().count() != 1 {
        return Err(Fault::error("The fill character must be exactly one character long"));
    }
    let text = text(value)?;
    let missing = width.saturating_sub(text.chars().count());
    let left = match side {
        Side::Left => 0,
        Side::Right => missing,
        // Python puts the odd one to the left only when the width is odd.
        Side::Center => missing / 2 + (missing & width & 1),
    };
    Ok(Val::str(format!("{}{text}{}", fill.repeat(left), fill.repeat(missing - left))))
}

fn zfill(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let width = arguments.integer("width")?.unwrap_or(0).clamp(0, 1_000_000) as usize;
    arguments.finish()?;
    let text = text(value)?;
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (&text[..1], rest),
        None => ("", text),
    };
    let missing = width.saturating_sub(text.chars().count());
    Ok(Val::str(format!("{sign}{}{digits}", "0".repeat(missing))))
}

fn expandtabs(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let size = arguments.integer("tabsize")?.unwrap_or(8).clamp(0, 1000) as usize;
    arguments.finish()?;
    let mut column = 0;
    let mut out = String::new();
    for c in text(value)?.chars() {
        match c {
            '\t' => {
                let blanks = if size == 0 { 0 } else { size - column % size };
                out.push_str(&" ".repeat(blanks));
                column += blanks;
            }
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            c => {
                out.push(c);
                column += 1;
            }
        }
    }
    Ok(Val::str(out))
}

fn replace(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let (old, new) = (arguments.need_text("old")?, arguments.need_text("new")?);
    let count = arguments.integer("count")?.unwrap_or(-1);
    arguments.finish()?;
    replaced(text(value)?, &old, &new, count).map(Val::str)
}

/// `text.translate(table)`: characters by their code to a code, a text or nothing.
fn translate(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let table = arguments.need("table")?;
    arguments.finish()?;
    let Val::Dict(table) = &table else { return Err(Fault::error("translate takes a mapping")) };
    let table = table.borrow();
    let mut out = String::new();
    for c in text(value)?.chars() {
        match table.get(&Key::new(Val::Int(i64::from(c as u32)))?) {
            None => out.push(c),
            Some(Val::None) => {}
            Some(Val::Str(text)) => out.push_str(text),
            Some(code) => {
                let code = code.as_int().and_then(|code| char::from_u32(u32::try_from(code).ok()?));
                out.push(code.ok_or_else(|| Fault::error("character mapping must return integer, None or str"))?);
            }
        }
        size::text(1, out.len(), 0)?;
    }
    Ok(Val::str(out))
}

/// `text.replace(old, new, count)`; a negative count means all.
pub(in super::super) fn replaced(text: &str, old: &str, new: &str, count: i64) -> Res<String> {
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    if new.len() > old.len() {
        size::text(text.matches(old).take(most).count(), new.len() - old.len(), text.len())?;
    }
    Ok(text.replacen(old, new, most))
}

fn join(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let items = arguments.need("iterable")?.items()?;
    arguments.finish()?;
    let mut parts = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match item {
            Val::Str(text) => parts.push(&**text),
            Val::Undefined(missing) => return Err(Fault::missing(missing)),
            other => {
                let kind = other.type_name();
                return Err(Fault::error(format!("sequence item {index}: expected str instance, {kind} found"))
                    .help("the join filter takes values of any type: {{ items | join(', ') }}"));
            }
        }
    }
    let between = text(value)?;
    size::text(parts.len(), between.len(), parts.iter().map(|part| part.len()).sum())?;
    Ok(Val::str(parts.join(between)))
}

fn affix(value: &Val, arguments: &mut Arguments, fits: impl Fn(&str, &str) -> bool) -> Res {
    let wanted = arguments.need("prefix")?;
    let start = arguments.integer("start")?.unwrap_or(0);
    arguments.finish()?;
    let whole = text(value)?;
    let part: String = if start > 0 { whole.chars().skip(start as usize).collect() } else { whole.to_owned() };
    match &wanted {
        Val::Str(affix) => Ok(Val::Bool(fits(&part, affix))),
        Val::Tuple(items) => {
            Ok(Val::Bool(items.iter().any(|item| item.as_str().is_some_and(|affix| fits(&part, affix)))))
        }
        Val::Undefined(missing) => Err(Fault::missing(missing)),
        other => {
            let (function, kind) = (&arguments.function, other.type_name());
            Err(Fault::error(format!("{function} first arg must be str or a tuple of str, not {kind}")))
        }
    }
}

fn range(text: &str, arguments: &mut Arguments) -> Res<Option<(usize, String)>> {
    let len = text.chars().count() as i64;
    let place = |value: i64| (if value < 0 { value.saturating_add(len).max(0) } else { value.min(len) }) as usize;
    let from = arguments.integer("start")?.unwrap_or(0);
    let (start, end) = (place(from), place(arguments.integer("end")?.unwrap_or(len)));
    // Nothing is found behind the end, not even an empty text.
    if from > len || end < start {
        return Ok(None);
    }
    Ok(Some((start, text.chars().skip(start).take(end - start).collect())))
}

fn find(value: &Val, arguments: &mut Arguments, last: bool) -> Res<Option<i64>> {
    let part = arguments.need_text("sub")?;
    let place = range(text(value)?, arguments)?;
    arguments.finish()?;
    let Some((start, within)) = place else { return Ok(None) };
    let byte = if last { within.rfind(&part) } else { within.find(&part) };
    Ok(byte.map(|byte| (start + within[..byte].chars().count()) as i64))
}

fn found(place: Option<i64>) -> Res {
    place.map(Val::Int).ok_or_else(|| Fault::error("substring not found"))
}

fn count(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let part = arguments.need_text("sub")?;
    let Some((_, within)) = range(text(value)?, arguments)? else { return Ok(Val::Int(0)) };
    let count = if part.is_empty() { within.chars().count() + 1 } else { within.matches(&part).count() };
    Ok(Val::Int(count as i64))
}

/// Text in an encoding of one byte a character.
fn narrow(text: &str, encoding: &str, end: u32, errors: &str) -> Res {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match (u8::try_from(c as u32).ok().filter(|_| (c as u32) < end), errors) {
            (Some(byte), _) => bytes.push(byte),
            (None, "ignore") => {}
            (None, "replace") => bytes.push(b'?'),
            (None, _) => {
                let message = format!("'{encoding}' codec can't encode characters: ordinal not in range({end})");
                return Err(Fault::error(message));
            }
        }
    }
    Ok(Val::Bytes(bytes.into()))
}

/// `text.encode(encoding, errors)`.
fn encode(text: &str, encoding: &str, errors: &str) -> Res {
    match encoding.to_ascii_lowercase().replace('_', "-").as_str() {
        "utf-8" | "utf8" => Ok(Val::Bytes(text.as_bytes().into())),
        "ascii" | "us-ascii" => narrow(text, encoding, 128, errors),
        "latin-1" | "latin1" | "iso-8859-1" => narrow(text, encoding, 256, errors),
        other => Err(Fault::error(format!("unknown encoding: {other}"))),
    }
}
