//! JSON as Python's `json.dumps` writes it.

use super::super::fault::{Fault, Res};
use super::super::object::{Object, Val};
use super::super::print;

/// How JSON is written.
#[derive(Debug, Clone)]
pub(super) struct Style {
    /// Keys in order.
    pub sort_keys: bool,
    /// Only ASCII, the rest escaped.
    pub ascii: bool,
    /// One entry a line, indented by so many blanks.
    pub indent: Option<usize>,
}

/// Writes a value.
pub(super) fn dump(value: &Val, style: &Style) -> Res<String> {
    let mut out = String::new();
    write(value, style, 0, &mut out)?;
    Ok(out)
}

fn write(value: &Val, style: &Style, depth: usize, out: &mut String) -> Res<()> {
    if depth > 200 {
        return Err(Fault::limit("a value is nested too deep"));
    }
    match value {
        Val::Undefined(missing) => return Err(Fault::missing(missing)),
        Val::None => out.push_str("null"),
        Val::Bool(true) => out.push_str("true"),
        Val::Bool(false) => out.push_str("false"),
        Val::Int(_) | Val::Big(_) => out.push_str(&value.repr()),
        Val::Float(number) => out.push_str(&float(*number)),
        Val::Str(text) => quote(text, style.ascii, out),
        Val::List(_) | Val::Tuple(_) => list(&value.items()?, style, depth, out)?,
        Val::Dict(dict) => {
            let mut entries = Vec::with_capacity(dict.borrow().len());
            for (key, value) in dict.borrow().iter() {
                entries.push((key.val().clone(), value.clone()));
            }
            if style.sort_keys {
                let mut fault = None;
                entries.sort_by(|a, b| {
                    a.0.order(&b.0, "<").unwrap_or_else(|error| {
                        fault.get_or_insert(error);
                        std::cmp::Ordering::Equal
                    })
                });
                fault.map_or(Ok(()), Err)?;
            }
            map(&entries, style, depth, out)?;
        }
        Val::Object(object) => match &**object {
            Object::Namespace(_) | Object::Salt => return Err(not_json(value)),
            Object::Module(module) => quote(&module.text, style.ascii, out),
            _ => return Err(not_json(value)),
        },
        Val::Set(_) | Val::Bytes(_) => return Err(not_json(value)),
    }
    Ok(())
}

fn not_json(value: &Val) -> Fault {
    Fault::error(format!("Object of type {} is not JSON serializable", value.type_name()))
}

fn float(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        print::float(number)
    }
}

fn line(style: &Style, depth: usize, out: &mut String) {
    if let Some(indent) = style.indent {
        out.push('\n');
        out.push_str(&" ".repeat((indent * depth).min(10_000)));
    }
}

fn separator(style: &Style) -> &'static str {
    if style.indent.is_some() { "," } else { ", " }
}

fn list(items: &[Val], style: &Style, depth: usize, out: &mut String) -> Res<()> {
    if items.is_empty() {
        out.push_str("[]");
        return Ok(());
    }
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(separator(style));
        }
        line(style, depth + 1, out);
        write(item, style, depth + 1, out)?;
    }
    line(style, depth, out);
    out.push(']');
    Ok(())
}

fn map(entries: &[(Val, Val)], style: &Style, depth: usize, out: &mut String) -> Res<()> {
    if entries.is_empty() {
        out.push_str("{}");
        return Ok(());
    }
    out.push('{');
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push_str(separator(style));
        }
        line(style, depth + 1, out);
        match key {
            Val::Str(text) => quote(text, style.ascii, out),
            Val::None => out.push_str("\"null\""),
            Val::Bool(truth) => out.push_str(if *truth { "\"true\"" } else { "\"false\"" }),
            Val::Int(_) | Val::Big(_) => {
                out.push('"');
                out.push_str(&key.repr());
                out.push('"');
            }
            Val::Float(number) => {
                out.push('"');
                out.push_str(&float(*number));
                out.push('"');
            }
            other => {
                let kind = other.type_name();
                return Err(Fault::error(format!("keys must be str, int, float, bool or None, not {kind}")));
            }
        }
        out.push_str(": ");
        write(value, style, depth + 1, out)?;
    }
    line(style, depth, out);
    out.push('}');
    Ok(())
}

fn quote(text: &str, ascii: bool, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || (c as u32 == 0x7f && ascii) => out.push_str(&format!("\\u{:04x}", c as u32)),
            c if ascii && !c.is_ascii() => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
