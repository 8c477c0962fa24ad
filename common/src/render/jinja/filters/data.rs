//! Filters on nested data: paths, entries, comparisons.

use std::rc::Rc;

use super::super::fault::{Fault, Res};
use super::super::interpret::{Arguments, Run};
use super::super::methods;
use super::super::object::{Dict, Key, TextKey, Val};
use super::Table;

/// The filters.
pub(super) const FILTERS: Table = &[
    ("append_dict_key_value", |_, value, arguments| change(value, arguments, Change::Append)),
    ("check_whitelist_blacklist", check_lists),
    ("compare_dicts", compare_dicts),
    ("compare_lists", compare_lists),
    ("exactly_n_true", |_, value, arguments| {
        let amount = arguments.integer("amount")?.unwrap_or(1);
        exactly(&value, amount)
    }),
    ("exactly_one_true", |_, value, _| exactly(&value, 1)),
    ("extend_dict_key_value", |_, value, arguments| change(value, arguments, Change::Extend)),
    ("from_entries", from_entries),
    ("is_sorted", |_, value, _| {
        let items = value.items()?;
        let mut sorted = true;
        for pair in items.windows(2) {
            sorted &= pair[0].order(&pair[1], "<=")?.is_le();
        }
        Ok(Val::Bool(sorted))
    }),
    ("json_decode_dict", |_, value, _| encoded(&value.defined()?, 0)),
    ("json_decode_list", |_, value, _| encoded(&value.defined()?, 0)),
    ("json_encode_dict", |_, value, _| encoded(&value.defined()?, 0)),
    ("json_encode_list", |_, value, _| encoded(&value.defined()?, 0)),
    ("method_call", |run, value, arguments| {
        let name = arguments.need_text("method")?;
        match methods::find(&value, &name) {
            Some((_, code)) => code(run, &value, arguments),
            None => Ok(Val::None),
        }
    }),
    ("set_dict_key_value", |_, value, arguments| change(value, arguments, Change::Set)),
    ("sorted_ignorecase", |_, value, _| {
        let mut items = value.items()?;
        super::super::operate::sort(&mut items, false, |item| match item {
            Val::Str(text) => Val::str(text.to_lowercase()),
            other => other.clone(),
        })?;
        Ok(Val::list(items))
    }),
    ("stringify", |_, value, _| {
        let texts = value.items()?.iter().map(|item| item.text().map(Val::str)).collect::<Res<_>>()?;
        Ok(Val::list(texts))
    }),
    ("substring_in_list", |_, value, arguments| {
        let wanted = value.text()?;
        let items = arguments.need("searchable_list")?.items()?;
        Ok(Val::Bool(items.iter().any(|item| item.as_str().is_some_and(|text| text.contains(&wanted)))))
    }),
    ("to_entries", to_entries),
    ("traverse", |_, value, arguments| {
        let (path, rest) = path_of(arguments)?;
        Ok(traverse(&value.defined()?, &path).unwrap_or_else(|| rest.unwrap_or(Val::None)))
    }),
    ("update_dict_key_value", |_, value, arguments| change(value, arguments, Change::Update)),
];

/// The path (`a:b:0` with a delimiter, or a list) and the default behind it.
fn path_of(arguments: &mut Arguments) -> Res<(Vec<Val>, Option<Val>)> {
    let key = arguments.need("key")?;
    let default = arguments.take("default");
    let delimiter = arguments.text("delimiter", ":")?;
    arguments.finish()?;
    let path = match &key {
        Val::Str(text) if delimiter.is_empty() => vec![Val::str(&**text)],
        Val::Str(text) => text.split(&*delimiter).map(Val::str).collect(),
        Val::Int(_) => vec![key.clone()],
        other => other.items()?,
    };
    Ok((path, default))
}

fn traverse(value: &Val, path: &[Val]) -> Option<Val> {
    let mut here = value.clone();
    for part in path {
        here = step(&here, part)?;
    }
    Some(here)
}

fn step(here: &Val, part: &Val) -> Option<Val> {
    let number = part.as_int().or_else(|| part.as_str().and_then(|text| text.trim().parse().ok()));
    match here {
        Val::Dict(dict) => {
            let dict = dict.borrow();
            let own = Key::new(part.clone()).ok().and_then(|key| dict.get(&key).cloned());
            own.or_else(|| {
                // A number or truth value as a key of YAML.
                let text = part.as_str()?;
                let key = match crate::yaml::plain_scalar(text)? {
                    crate::value::Value::Str(_) | crate::value::Value::Null => return None,
                    scalar => Val::from(&scalar),
                };
                dict.get(&Key::new(key).ok()?).cloned()
            })
        }
        Val::List(items) => {
            let items = items.borrow();
            let inside = items.iter().find_map(|item| match (item, number) {
                (Val::Dict(dict), None) => dict.borrow().get(&TextKey(part.as_str()?)).cloned(),
                (Val::Dict(dict), Some(number)) => dict.borrow().get(&Key::new(Val::Int(number)).ok()?).cloned(),
                _ => None,
            });
            inside.or_else(|| {
                let number = number?;
                let index = if number < 0 { number + items.len() as i64 } else { number };
                items.get(usize::try_from(index).ok()?).cloned()
            })
        }
        _ => None,
    }
}

/// All text in a list or mapping as bytes; a text alone counts as the list of its characters.
fn encoded(value: &Val, depth: usize) -> Res {
    if depth > super::super::size::DEPTH {
        return Err(Fault::limit("a value is nested too deep"));
    }
    Ok(match value {
        Val::Str(text) if depth > 0 => Val::Bytes(text.as_bytes().into()),
        Val::Dict(dict) => {
            let mut out = Dict::new();
            for (key, value) in dict.borrow().iter() {
                out.insert(Key::new(encoded(key.val(), depth + 1)?)?, encoded(value, depth + 1)?);
            }
            Val::dict(out)
        }
        Val::Str(_) | Val::List(_) | Val::Tuple(_) => {
            Val::list(value.items()?.iter().map(|item| encoded(item, depth + 1)).collect::<Res<_>>()?)
        }
        other => other.clone(),
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Set,
    Append,
    Extend,
    Update,
}

/// Writes to a path; mappings on the way are made.
fn change(value: Val, arguments: &mut Arguments, change: Change) -> Res {
    let keys = arguments.need_text("keys")?;
    let new = arguments.need("value")?;
    let delimiter = arguments.text("delimiter", ":")?;
    arguments.take("ordered_dict");
    arguments.finish()?;
    let value = value.defined()?;
    let Val::Dict(root) = &value else { return Err(Fault::error("the filter takes a mapping")) };
    let mut parts: Vec<&str> = keys.split(&*delimiter).collect();
    let Some(last) = parts.pop() else { return Ok(value) };
    let mut here = Rc::clone(root);
    for part in parts {
        let next = here.borrow().get(&TextKey(part)).cloned();
        let next = match next {
            Some(Val::Dict(next)) => next,
            // What is no mapping gives way to one.
            _ => {
                let fresh = Val::dict(Dict::new());
                here.borrow_mut().insert(Key::text(part), fresh.clone());
                let Val::Dict(fresh) = fresh else { continue };
                fresh
            }
        };
        here = next;
    }
    let old = here.borrow().get(&TextKey(last)).cloned();
    let written = match (change, old) {
        (Change::Set, _) => new,
        (Change::Append, Some(Val::List(items))) => {
            items.borrow_mut().push(new);
            Val::List(items)
        }
        (Change::Append, None | Some(Val::None)) => Val::list(vec![new]),
        (Change::Extend, Some(Val::List(items))) => {
            let more = new.items()?;
            items.borrow_mut().extend(more);
            Val::List(items)
        }
        (Change::Extend, None | Some(Val::None)) => Val::list(new.items()?),
        (Change::Update, Some(Val::Dict(dict))) => {
            let mut entries = Dict::new();
            methods::dict::add_entries(&new, &mut entries)?;
            dict.borrow_mut().extend(entries);
            Val::Dict(dict)
        }
        (Change::Update, None | Some(Val::None)) => {
            let mut entries = Dict::new();
            methods::dict::add_entries(&new, &mut entries)?;
            Val::dict(entries)
        }
        (_, Some(_)) => return Err(Fault::error("The last key contains a value of another type")),
    };
    here.borrow_mut().insert(Key::text(last), written);
    Ok(value)
}

fn to_entries(_: &mut Run<'_>, value: Val, _: &mut Arguments) -> Res {
    let pairs: Vec<(Val, Val)> = match value.defined()? {
        Val::Dict(dict) => dict.borrow().iter().map(|(key, value)| (key.val().clone(), value.clone())).collect(),
        other => other.items()?.into_iter().enumerate().map(|(index, item)| (Val::Int(index as i64), item)).collect(),
    };
    let entry = |(key, value)| Val::dict(Dict::from([(Key::text("key"), key), (Key::text("value"), value)]));
    Ok(Val::list(pairs.into_iter().map(entry).collect()))
}

fn from_entries(_: &mut Run<'_>, value: Val, _: &mut Arguments) -> Res {
    let mut dict = Dict::new();
    for entry in value.items()? {
        let part = |names: &[&str]| names.iter().find_map(|name| entry.entry(name));
        if let Some(key) = part(&["key", "Key", "name", "Name"]) {
            dict.insert(Key::new(key)?, part(&["value", "Value"]).unwrap_or(Val::None));
        }
    }
    Ok(Val::dict(dict))
}

fn exactly(value: &Val, amount: i64) -> Res {
    let mut count = 0;
    for item in value.items()? {
        count += i64::from(item.truth()?);
    }
    Ok(Val::Bool(count == amount))
}

fn difference(old: Val, new: Val) -> Val {
    Val::dict(Dict::from([(Key::text("old"), old), (Key::text("new"), new)]))
}

fn compare_dicts(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let other = arguments.need("new")?;
    let (Val::Dict(old), Val::Dict(new)) = (&value, &other) else {
        return Err(Fault::error("compare_dicts takes two mappings"));
    };
    let (old, new) = (old.borrow(), new.borrow());
    let mut out = Dict::new();
    let added = new.keys().filter(|key| !old.contains_key(*key));
    for key in old.keys().chain(added) {
        match (old.get(key), new.get(key)) {
            (Some(a), Some(b)) if a.equals(b) => {}
            (a, b) => {
                let side = |side: Option<&Val>| side.cloned().unwrap_or_else(|| Val::str(""));
                out.insert(key.clone(), difference(side(a), side(b)));
            }
        }
    }
    Ok(Val::dict(out))
}

fn compare_lists(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let (old, new) = (value.items()?, arguments.need("new")?.items()?);
    let without = |a: &[Val], b: &[Val]| -> Vec<Val> {
        a.iter().filter(|item| !b.iter().any(|other| other.equals(item))).cloned().collect()
    };
    let mut out = Dict::new();
    for (name, items) in [("new", without(&new, &old)), ("old", without(&old, &new))] {
        if !items.is_empty() {
            out.insert(Key::text(name), Val::list(items));
        }
    }
    Ok(Val::dict(out))
}

/// Text against shell patterns, or an equal value.
fn listed(value: &Val, list: &Val) -> Res<bool> {
    let items = if list.is_str() { vec![list.clone()] } else { list.items()? };
    Ok(items.iter().any(|item| match (value, item) {
        (Val::Str(text), Val::Str(pattern)) => {
            super::super::pattern::glob(pattern, text)
                || super::super::pattern::compile(&format!("^(?:{pattern})$"), super::super::pattern::Flags::default())
                    .and_then(|regex| regex.matches_start(text))
                    .unwrap_or(false)
        }
        (value, item) => value.equals(item),
    }))
}

fn check_lists(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let white = arguments.take("whitelist").filter(|list| list.truth().unwrap_or(false));
    let black = arguments.take("blacklist").filter(|list| list.truth().unwrap_or(false));
    // Numbers are no names: nothing lists them.
    if !value.is_str() && (white.is_some() || black.is_some()) {
        return Ok(Val::Bool(false));
    }
    if let Some(black) = &black
        && listed(&value, black)?
    {
        return Ok(Val::Bool(false));
    }
    match &white {
        Some(white) => listed(&value, white).map(Val::Bool),
        None => Ok(Val::Bool(true)),
    }
}
