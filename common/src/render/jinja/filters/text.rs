//! Filters on text.

use super::super::fault::{Fault, Res};
use super::super::format_percent;
use super::super::interpret::{Arguments, Run};
use super::super::methods::str::{capitalize, replaced};
use super::super::object::Val;
use super::super::pattern::{self, Flags};
use super::Table;

/// The filters.
pub(super) const FILTERS: Table = &[
    ("capitalize", |_, value, _| Ok(Val::str(capitalize(&value.text()?)))),
    ("center", |_, value, arguments| {
        let text = value.text()?;
        let width = arguments.integer("width")?.unwrap_or(80).clamp(0, 1_000_000) as usize;
        let missing = width.saturating_sub(text.chars().count());
        let left = missing / 2 + (missing & width & 1);
        Ok(Val::str(format!("{}{text}{}", " ".repeat(left), " ".repeat(missing - left))))
    }),
    ("contains_whitespace", |_, value, _| Ok(Val::Bool(value.text()?.chars().any(char::is_whitespace)))),
    ("e", |_, value, _| Ok(Val::str(escaped(&value.text()?)))),
    ("escape", |_, value, _| Ok(Val::str(escaped(&value.text()?)))),
    ("forceescape", |_, value, _| Ok(Val::str(escaped(&value.text()?)))),
    ("format", format),
    ("lower", |_, value, _| Ok(Val::str(value.text()?.to_lowercase()))),
    ("regex_escape", |_, value, _| Ok(Val::str(regex_escape(&value.text()?)))),
    ("regex_match", |_, value, arguments| regex_groups(&value, arguments, true)),
    ("regex_replace", |_, value, arguments| {
        let (rex, with) = (arguments.need_text("pattern")?, arguments.need_text("replacement")?);
        let flags = Flags::take(arguments)?;
        Ok(Val::str(pattern::compile(&rex, flags)?.replace_all(&value.text()?, &with, 0)?))
    }),
    ("regex_search", |_, value, arguments| regex_groups(&value, arguments, false)),
    ("replace", |_, value, arguments| {
        let (old, new) = (arguments.need("old")?.text()?, arguments.need("new")?.text()?);
        let count = arguments.integer("count")?.unwrap_or(-1);
        replaced(&value.text()?, &old, &new, count).map(Val::str)
    }),
    ("safe", |_, value, _| value.defined()),
    ("string", |_, value, _| if value.is_str() { Ok(value) } else { value.text().map(Val::str) }),
    ("striptags", |_, value, _| Ok(Val::str(striptags(&value.text()?)))),
    ("title", |_, value, _| Ok(Val::str(title(&value.text()?)))),
    ("to_bytes", |_, value, _| match value.defined()? {
        bytes @ Val::Bytes(_) => Ok(bytes),
        other => Ok(Val::Bytes(super::hash::bytes(&other)?.into())),
    }),
    ("to_camelcase", |_, value, arguments| {
        let upper = arguments.flag("uppercamel", false)?;
        Ok(Val::str(camelcase(&value.text()?, upper)))
    }),
    ("to_snake_case", |_, value, _| Ok(Val::str(snake_case(&value.text()?)))),
    ("trim", |_, value, arguments| {
        let text = value.text()?;
        Ok(match arguments.take("chars") {
            None | Some(Val::None) => Val::str(text.trim()),
            Some(chars) => {
                let chars = chars.text()?;
                Val::str(text.trim_matches(|c| chars.contains(c)))
            }
        })
    }),
    ("upper", |_, value, _| Ok(Val::str(value.text()?.to_uppercase()))),
    ("quote", |_, value, _| match value.defined()? {
        Val::Str(text) => Ok(Val::str(shell_quote(&text))),
        empty if !empty.truth()? => Ok(Val::str("''")),
        other => Err(Fault::error(format!("expected string or bytes-like object, got '{}'", other.type_name()))),
    }),
    ("urlencode", urlencode),
    ("wordcount", |_, value, _| {
        let text = value.text()?;
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
        Ok(Val::Int(words.count() as i64))
    }),
    ("xmlattr", xmlattr),
];

/// Text for HTML.
pub(in super::super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn format(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let template = value.text()?;
    if arguments.named.is_empty() {
        let items = arguments.positional.drain(..).collect();
        return format_percent::format(&template, &Val::tuple(items));
    }
    if !arguments.positional.is_empty() {
        return Err(Fault::error("can't handle positional and keyword arguments at the same time"));
    }
    let entries = arguments.named.drain(..).map(|(name, value)| (super::super::object::Key::text(name), value));
    format_percent::format(&template, &Val::dict(entries.collect()))
}

fn regex_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\x0b\x0c".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn regex_groups(value: &Val, arguments: &mut Arguments, at_start: bool) -> Res {
    let rex = arguments.need_text("rex")?;
    let flags = Flags::take(arguments)?;
    let groups = pattern::compile(&rex, flags)?.groups(&value.text()?, at_start)?;
    Ok(groups.map_or(Val::None, Val::tuple))
}

/// Words in title case: words begin behind blanks, hyphens and opening brackets.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    for c in text.chars() {
        if start {
            out.extend(c.to_uppercase())
        } else {
            out.extend(c.to_lowercase())
        }
        start = c.is_whitespace() || "-({[<".contains(c);
    }
    out
}

fn striptags(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = match rest[at..].strip_prefix("<!--").map(|inner| inner.find("-->").map(|end| &inner[end + 3..])) {
            Some(after) => after.unwrap_or(""),
            None => rest[at..].find('>').map_or("", |end| &rest[at + end + 1..]),
        };
    }
    out.push_str(rest);
    let plain = out.split_whitespace().collect::<Vec<_>>().join(" ");
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(plain, |text, (entity, character)| text.replace(entity, character))
}

fn camelcase(text: &str, upper: bool) -> String {
    let mut parts = text.split('_');
    let first = parts.next().unwrap_or("");
    let head = if upper { capitalize(first) } else { first.to_owned() };
    head + &parts.map(capitalize).collect::<String>()
}

fn snake_case(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    for (index, c) in chars.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| chars.get(index));
        let after = chars.get(index + 1);
        let starts = before.is_some_and(char::is_ascii_lowercase)
            || (before.is_some() && after.is_some_and(char::is_ascii_lowercase));
        if c.is_ascii_uppercase() && starts {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// A word for a POSIX shell.
pub(in super::super) fn shell_quote(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(safe) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

fn percent(text: &str, plus: bool, keep: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' if plus => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) || keep.as_bytes().contains(&byte) => {
                out.push(byte as char);
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn urlencode(_: &mut Run<'_>, value: Val, _: &mut Arguments) -> Res {
    let pairs = match &value {
        Val::Str(text) => return Ok(Val::str(percent(text, false, "/"))),
        Val::Dict(dict) => dict.borrow().iter().map(|(key, value)| (key.val().clone(), value.clone())).collect(),
        Val::List(_) | Val::Tuple(_) => {
            let mut pairs = Vec::new();
            for pair in value.items()? {
                let [key, value] = <[Val; 2]>::try_from(pair.items()?)
                    .map_err(|_| Fault::error("not enough values to unpack (expected 2)"))?;
                pairs.push((key, value));
            }
            pairs
        }
        other => return Ok(Val::str(percent(&other.text()?, false, "/"))),
    };
    let mut parts = Vec::new();
    for (key, value) in pairs {
        parts.push(format!("{}={}", percent(&key.text()?, true, ""), percent(&value.text()?, true, "")));
    }
    Ok(Val::str(parts.join("&")))
}

fn xmlattr(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let space = arguments.flag("autospace", true)?;
    let Val::Dict(dict) = value.defined()? else { return Err(Fault::error("xmlattr takes a mapping")) };
    let mut parts = Vec::new();
    for (key, value) in dict.borrow().iter() {
        let key = key.val().text()?;
        if key.contains([' ', '/', '>', '=', '\t', '\n']) {
            return Err(Fault::error(format!("Invalid character in attribute name: '{key}'")));
        }
        if !value.is_none() && !value.is_undefined() {
            parts.push(format!("{}=\"{}\"", escaped(&key), escaped(&value.text()?)));
        }
    }
    let text = parts.join(" ");
    Ok(Val::str(if space && !text.is_empty() { format!(" {text}") } else { text }))
}
