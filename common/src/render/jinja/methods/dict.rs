//! Methods of dict.

use std::cell::RefCell;
use std::rc::Rc;

use super::super::fault::{Fault, Res};
use super::super::interpret::{Arguments, Run};
use super::super::object::{Dict, Key, Object, TextKey, Val, ViewKind};
use super::Table;

/// The methods.
pub(super) const METHODS: Table = &[
    ("clear", clear),
    ("copy", copy),
    ("fromkeys", fromkeys),
    ("get", get),
    ("items", |_, value, arguments| view(ViewKind::Items, value, arguments)),
    ("keys", |_, value, arguments| view(ViewKind::Keys, value, arguments)),
    ("pop", pop),
    ("popitem", popitem),
    ("setdefault", setdefault),
    ("update", update),
    ("values", |_, value, arguments| view(ViewKind::Values, value, arguments)),
];

fn dict(value: &Val) -> Res<&Rc<RefCell<Dict>>> {
    match value {
        Val::Dict(dict) => Ok(dict),
        other => Err(Fault::error(format!("'{}' object is no dict", other.type_name()))),
    }
}

fn get(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let key = arguments.need("key")?;
    let default = arguments.take("default");
    arguments.finish()?;
    let dict = dict(value)?.borrow();
    let found = match &key {
        Val::Str(text) => dict.get(&TextKey(text)),
        _ => dict.get(&Key::new(key)?),
    };
    Ok(found.cloned().or(default).unwrap_or(Val::None))
}

fn view(kind: ViewKind, value: &Val, arguments: &mut Arguments) -> Res {
    arguments.finish()?;
    Ok(Val::object(Object::View(kind, dict(value)?.clone())))
}

fn clear(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    arguments.finish()?;
    dict(value)?.borrow_mut().clear();
    Ok(Val::None)
}

fn copy(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    arguments.finish()?;
    Ok(Val::dict(dict(value)?.borrow().clone()))
}

fn fromkeys(_: &mut Run<'_>, _: &Val, arguments: &mut Arguments) -> Res {
    let keys = arguments.need("iterable")?.items()?;
    let value = arguments.take("value").unwrap_or(Val::None);
    let entries: Res<Dict> = keys.into_iter().map(|key| Ok((Key::new(key)?, value.clone()))).collect();
    Ok(Val::dict(entries?))
}

fn pop(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let key = arguments.need("key")?;
    let default = arguments.take("default");
    arguments.finish()?;
    let shown = key.repr();
    match dict(value)?.borrow_mut().shift_remove(&Key::new(key)?).or(default) {
        Some(found) => Ok(found),
        None => Err(Fault::error(shown)),
    }
}

fn popitem(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    arguments.finish()?;
    match dict(value)?.borrow_mut().pop() {
        Some((key, value)) => Ok(Val::tuple(vec![key.val().clone(), value])),
        None => Err(Fault::error("'popitem(): dictionary is empty'")),
    }
}

fn setdefault(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let key = Key::new(arguments.need("key")?)?;
    let default = arguments.take("default").unwrap_or(Val::None);
    arguments.finish()?;
    Ok(dict(value)?.borrow_mut().entry(key).or_insert(default).clone())
}

fn update(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let mut entries = Dict::new();
    if let Some(other) = arguments.positional.pop_front() {
        add_entries(&other, &mut entries)?;
    }
    for (name, value) in arguments.named.drain(..) {
        entries.insert(Key::text(name), value);
    }
    arguments.finish()?;
    dict(value)?.borrow_mut().extend(entries);
    Ok(Val::None)
}

/// Adds the entries of a mapping, or of pairs, as `dict(x)` takes them.
pub(in super::super) fn add_entries(from: &Val, entries: &mut Dict) -> Res<()> {
    if let Val::Dict(dict) = from {
        entries.extend(dict.borrow().iter().map(|(key, value)| (key.clone(), value.clone())));
        return Ok(());
    }
    for (index, pair) in from.items()?.into_iter().enumerate() {
        let items = match pair.items() {
            Ok(items) => items,
            Err(_) => {
                let message = format!("cannot convert dictionary update sequence element #{index} to a sequence");
                return Err(Fault::error(message));
            }
        };
        let [key, value] = <[Val; 2]>::try_from(items).map_err(|items| {
            let len = items.len();
            Fault::error(format!("dictionary update sequence element #{index} has length {len}; 2 is required"))
        })?;
        entries.insert(Key::new(key)?, value);
    }
    Ok(())
}
