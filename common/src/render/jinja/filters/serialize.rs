//! Filters to and from JSON, YAML, XML and Python literals.

use super::super::fault::{Fault, FaultKind, Res};
use super::super::interpret::{Arguments, Run};
use super::super::object::Val;
use super::Table;
use crate::value::json_dump::{self, JsonOptions};
use crate::value::{Value, json_load, pprint};
use crate::yaml::{self, DumpOptions, Flow};

/// The filters.
pub(super) const FILTERS: Table = &[
    ("dict_to_sls_yaml_params", dict_to_sls),
    ("json", |_, value, arguments| {
        let sort_keys = arguments.flag("sort_keys", true)?;
        let indent = match arguments.take("indent") {
            Some(Val::Str(text)) => Some(text.to_string()),
            None | Some(Val::None) => None,
            Some(other) => Some(indentation(other.as_int().unwrap_or(0))),
        };
        Ok(Val::str(dumps(&value, &JsonOptions { sort_keys, indent, ..JsonOptions::default() })?))
    }),
    ("load_json", |run, value, _| {
        let text = value.text()?;
        run.hold_parsed(&text)?;
        load_json(&text)
    }),
    ("load_yaml", |run, value, _| {
        let value = value.defined()?;
        let Some(text) = value.as_str() else { return Err(Fault::error("a string or stream input is required")) };
        run.hold_parsed(text)?;
        load_yaml(text, "load_yaml")
    }),
    ("load_text", |_, value, _| value.text().map(Val::str)),
    ("pprint", |_, value, _| pretty(&value)),
    ("python", |_, value, _| pretty(&value)),
    ("tojson", tojson),
    ("xml", |_, value, _| xml(&value).map(Val::str)),
    ("yaml", |_, value, arguments| {
        let flow = if arguments.flag("flow_style", true)? { Flow::Always } else { Flow::Never };
        Ok(Val::str(yaml_text(&value, flow)?))
    }),
    ("yaml_dquote", |_, value, _| Ok(Val::str(double_quoted(&value.text()?)))),
    ("yaml_encode", |_, value, _| {
        Ok(match value.defined()? {
            Val::Str(text) => Val::str(double_quoted(&text)),
            value @ (Val::List(_) | Val::Dict(_) | Val::Tuple(_) | Val::Set(_)) => {
                let kind = value.type_name();
                return Err(Fault::error(format!("yaml_encode() only works with YAML scalar data; failed for {kind}")));
            }
            other => Val::str(yaml_text(&other, Flow::Always)?),
        })
    }),
    ("yaml_squote", |_, value, _| {
        let text = value.text()?.replace('\'', "''");
        // A line break inside of quotes is written as an empty line.
        Ok(Val::str(format!("'{}'", text.replace('\n', "\n\n"))))
    }),
];

/// Reads a YAML text.
pub(in super::super) fn load_yaml(text: &str, name: &str) -> Res {
    match yaml::load(text, name) {
        Ok(document) => Ok(Val::from(&document.value)),
        Err(error) => Err(Fault::nested(error.diagnostic)),
    }
}

/// Reads a JSON text.
pub(in super::super) fn load_json(text: &str) -> Res {
    match json_load::parse(text) {
        Ok(value) => Ok(Val::from(&value)),
        Err(error) => {
            let shown: String = text.chars().take(200).collect();
            Err(Fault::new(FaultKind::Syntax, format!("Unable to load json from {shown}")).help(error.to_string()))
        }
    }
}

fn indentation(columns: i64) -> String {
    " ".repeat(columns.clamp(0, 100) as usize)
}

fn dumps(value: &Val, options: &JsonOptions) -> Res<String> {
    // Small enough to be looked through once more.
    let data = value.to_value()?;
    if options.sort_keys {
        sortable(value, 0)?;
    }
    if let Val::Bytes(_) | Val::Set(_) | Val::Object(_) = value {
        return Err(Fault::error(format!("Object of type {} is not JSON serializable", value.type_name())));
    }
    Ok(json_dump::dumps(&data, options))
}

/// Fails for mappings whose keys have no common order, as Python does.
fn sortable(value: &Val, depth: usize) -> Res<()> {
    match value {
        Val::Dict(dict) if depth < 200 => {
            let dict = dict.borrow();
            let mut last: Option<&Val> = None;
            for (key, value) in dict.iter() {
                if let Some(last) = last {
                    key.val().order(last, "<")?;
                }
                last = Some(key.val());
                sortable(value, depth + 1)?;
            }
            Ok(())
        }
        Val::List(items) if depth < 200 => items.borrow().iter().try_for_each(|item| sortable(item, depth + 1)),
        _ => Ok(()),
    }
}

fn tojson(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let indent = arguments.integer("indent")?.map(indentation);
    let text = dumps(&value, &JsonOptions { indent, ensure_ascii: true, ..JsonOptions::default() })?;
    let text = text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027");
    Ok(Val::str(text))
}

fn pretty(value: &Val) -> Res {
    Ok(Val::str(pprint::format(&value.to_value()?, 1).trim()))
}

fn yaml_text(value: &Val, flow: Flow) -> Res<String> {
    let options = DumpOptions { flow, ..DumpOptions::default() };
    let text = yaml::dump(&value.to_value()?, &options);
    let text = text.trim();
    Ok(text.strip_suffix("\n...").unwrap_or(text).to_owned())
}

fn dict_to_sls(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let flow = if arguments.flag("flow_style", false)? { Flow::Always } else { Flow::Never };
    let Value::Map(map) = value.to_value()? else {
        return Err(Fault::error("dict_to_sls_yaml_params takes a mapping"));
    };
    let entries: Vec<Value> =
        map.iter().map(|(key, value)| Value::Map([(key.clone(), value.clone())].into_iter().collect())).collect();
    let text = yaml::dump(&Value::List(entries), &DumpOptions { flow, ..DumpOptions::default() });
    Ok(Val::str(text.trim()))
}

/// Text in YAML's double quotes, on one line.
fn double_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0b' => out.push_str("\\v"),
            '\x0c' => out.push_str("\\f"),
            '\x1b' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{a0}' => out.push_str("\\_"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            ' '..='~' => out.push(c),
            c if (c as u32) < 0x100 => out.push_str(&format!("\\x{:02X}", c as u32)),
            c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push_str(&format!("\\U{:08X}", c as u32)),
        }
    }
    out.push('"');
    out
}

fn xml(value: &Val) -> Res<String> {
    let Val::Dict(dict) = value else { return Err(Fault::error("the xml filter takes a mapping")) };
    let dict = dict.borrow();
    let Some((tag, content)) = dict.last() else { return Err(Fault::error("the xml filter takes a root element")) };
    let mut out = String::from("<?xml version=\"1.0\" ?>\n");
    element(&tag.val().text()?, content, 0, &mut out)?;
    Ok(out)
}

fn element(tag: &str, content: &Val, depth: usize, out: &mut String) -> Res<()> {
    if depth > 100 {
        return Err(Fault::limit("a value is nested too deep"));
    }
    let pad = "\t".repeat(depth);
    let mut attributes = String::new();
    let mut children = Vec::new();
    match content {
        Val::Dict(dict) => {
            for (name, value) in dict.borrow().iter() {
                let name = name.val().text()?;
                match value {
                    Val::Dict(_) | Val::Tuple(_) => children.push((name, value.clone())),
                    Val::List(items) => children.extend(items.borrow().iter().map(|item| (name.clone(), item.clone()))),
                    scalar => attributes.push_str(&format!(" {name}=\"{}\"", super::escaped(&scalar.text()?))),
                }
            }
        }
        Val::None => {}
        scalar @ (Val::Str(_) | Val::Int(_) | Val::Float(_) | Val::Bool(_) | Val::Big(_)) => {
            out.push_str(&format!("{pad}<{tag}>{}</{tag}>\n", super::escaped(&scalar.text()?)));
            return Ok(());
        }
        _ => return Err(Fault::error("the xml filter takes mappings, lists of mappings and scalars")),
    }
    if children.is_empty() {
        out.push_str(&format!("{pad}<{tag}{attributes}/>\n"));
        return Ok(());
    }
    out.push_str(&format!("{pad}<{tag}{attributes}>\n"));
    for (name, child) in &children {
        element(name, child, depth + 1, out)?;
    }
    out.push_str(&format!("{pad}</{tag}>\n"));
    Ok(())
}
