//! `a.b`, `a['b']`, `a[1:2]` and what hangs on objects.

use std::rc::Rc;
use std::sync::Arc;

use super::fault::{Fault, Res};
use super::interpret::{Arguments, Run};
use super::methods;
use super::object::{Absent, Key, LoopState, Missing, MissingKind, Object, TextKey, Val, range_len};

/// `value.name`: an attribute, else an item.
pub(super) fn attribute(run: &mut Run<'_>, value: &Val, name: &Arc<str>) -> Res {
    if let Some(found) = own_attribute(run, value, name)? {
        return Ok(found);
    }
    Ok(match value.entry(name) {
        Some(found) => found,
        None => absent(run, value, name),
    })
}

/// What stands for an attribute that is not there.
fn absent(run: &Run<'_>, value: &Val, name: &Arc<str>) -> Val {
    if let Val::Object(object) = value
        && let Object::Salt | Object::SaltModule(_) = &**object
    {
        return Val::missing(Absent::Function(value.clone(), name.clone(), run.scope.facts.caller()));
    }
    Val::missing(Absent::Attribute(value.clone(), name.clone()))
}

/// `value[key]`: an item, else an attribute.
pub(super) fn item(run: &mut Run<'_>, value: &Val, key: &Val) -> Res {
    if let Val::Undefined(missing) = value {
        return Err(Fault::missing(missing));
    }
    if let Some(found) = own_item(run, value, key)? {
        return Ok(found);
    }
    match key {
        Val::Str(name) => Ok(match own_attribute(run, value, name)? {
            Some(found) => found,
            None => absent(run, value, name),
        }),
        Val::Undefined(missing) => Err(Fault::missing(missing)),
        _ => Ok(Val::missing(Absent::Element(value.clone(), key.clone()))),
    }
}

fn own_item(run: &mut Run<'_>, value: &Val, key: &Val) -> Res<Option<Val>> {
    Ok(match (value, key) {
        (Val::Dict(dict), Val::Str(name)) => dict.borrow().get(&TextKey(name)).cloned(),
        (Val::Dict(dict), key) => Key::new(key.clone()).ok().and_then(|key| dict.borrow().get(&key).cloned()),
        (Val::Object(object), Val::Str(name)) => match &**object {
            Object::Salt => salt_item(run, name),
            _ => None,
        },
        (value, key) => match key.as_int() {
            Some(index) => at(value, index),
            None => None,
        },
    })
}

fn salt_item(run: &Run<'_>, name: &Arc<str>) -> Option<Val> {
    run.scope.facts.caller().exists(name).then(|| Val::object(Object::SaltFunction(name.clone())))
}

fn at(value: &Val, index: i64) -> Option<Val> {
    let place = |len: usize| {
        let index = if index < 0 { index.checked_add(len as i64)? } else { index };
        usize::try_from(index).ok().filter(|index| *index < len)
    };
    match value {
        Val::List(items) => {
            let items = items.borrow();
            place(items.len()).map(|index| items[index].clone())
        }
        Val::Tuple(items) => place(items.len()).map(|index| items[index].clone()),
        Val::Str(text) => {
            let index = place(text.chars().count())?;
            text.chars().nth(index).map(|c| Val::str(c.to_string()))
        }
        Val::Bytes(bytes) => place(bytes.len()).map(|index| Val::Int(i64::from(bytes[index]))),
        Val::Object(object) => match &**object {
            Object::Range(start, stop, step) => {
                place(range_len(*start, *stop, *step)).map(|index| Val::Int(start + index as i64 * step))
            }
            _ => None,
        },
        _ => None,
    }
}

/// What `getattr` finds.
fn own_attribute(run: &mut Run<'_>, value: &Val, name: &Arc<str>) -> Res<Option<Val>> {
    if let Val::Undefined(missing) = value {
        return Err(Fault::missing(missing));
    }
    if name.starts_with("__") && name.ends_with("__") {
        let what = Absent::Attribute(value.clone(), name.clone());
        return Ok(Some(Val::Undefined(Rc::new(Missing { what, kind: MissingKind::Unsafe }))));
    }
    if let Some((name, code)) = methods::find(value, name) {
        return Ok(Some(Val::object(Object::Method(value.clone(), name, code))));
    }
    // The pairs that groupby makes have names for their halves.
    if let (Val::Tuple(pair), "grouper" | "list") = (value, &**name)
        && let [grouper, list @ Val::List(_)] = &**pair
    {
        return Ok(Some(if &**name == "list" { list.clone() } else { grouper.clone() }));
    }
    let Val::Object(object) = value else { return Ok(None) };
    Ok(match &**object {
        Object::Loop(state) => loop_attribute(state, name),
        Object::Namespace(names) => names.borrow().get(name).cloned(),
        Object::Module(module) => module.exports.get(name).cloned(),
        Object::Salt => salt_module(run, name),
        Object::SaltModule(module) => salt_item(run, &Arc::from(format!("{module}.{name}"))),
        Object::Blocks => Some(Val::object(Object::BlockCall(name.clone(), 0))),
        Object::Cycler(items, place) if &**name == "current" => items.get(place.get() % items.len()).cloned(),
        Object::Macro(item) => match &**name {
            "name" => Some(Val::Str(item.row.name.clone())),
            "arguments" => {
                Some(Val::tuple(item.row.arguments.iter().map(|(name, _)| Val::Str(name.clone())).collect()))
            }
            "caller" => Some(Val::Bool(item.row.caller)),
            "catch_kwargs" => Some(Val::Bool(item.row.kwargs)),
            "catch_varargs" => Some(Val::Bool(item.row.varargs)),
            _ => None,
        },
        _ => None,
    })
}

fn salt_module(run: &Run<'_>, name: &str) -> Option<Val> {
    let prefix = format!("{name}.");
    let known = run.scope.facts.caller().names().iter().any(|function| function.starts_with(&prefix));
    known.then(|| Val::object(Object::SaltModule(name.into())))
}

fn loop_attribute(state: &LoopState, name: &str) -> Option<Val> {
    let (index, len) = (state.index.get(), state.items.len());
    let number = |number: usize| Some(Val::Int(number as i64));
    let neighbour = |item: Option<&Val>, what: &str| {
        Some(item.cloned().unwrap_or_else(|| Val::missing(Absent::Other(format!("there is no {what} item")))))
    };
    match name {
        "index" => number(index + 1),
        "index0" => number(index),
        "revindex" => number(len - index),
        "revindex0" => number(len - index - 1),
        "first" => Some(Val::Bool(index == 0)),
        "last" => Some(Val::Bool(index + 1 == len)),
        "length" => number(len),
        "depth" => number(state.depth + 1),
        "depth0" => number(state.depth),
        "previtem" => neighbour(index.checked_sub(1).and_then(|index| state.items.get(index)), "previous"),
        "nextitem" => neighbour(state.items.get(index + 1), "next"),
        _ => None,
    }
}

/// `value[start:stop:step]`.
pub(super) fn slice(value: &Val, start: Option<Val>, stop: Option<Val>, step: Option<Val>) -> Res {
    let part = |part: Option<Val>| match part {
        None | Some(Val::None) => Ok(None),
        Some(Val::Undefined(missing)) => Err(Fault::missing(&missing)),
        Some(value) => match value.as_int() {
            Some(number) => Ok(Some(number)),
            None => Err(Fault::error("slice indices must be integers or None or have an __index__ method")),
        },
    };
    let (start, stop, step) = (part(start)?, part(stop)?, part(step)?.unwrap_or(1));
    if step == 0 {
        return Err(Fault::error("slice step cannot be zero"));
    }
    let pick = |len: usize| places(len, start, stop, step);
    Ok(match value {
        Val::Undefined(missing) => return Err(Fault::missing(missing)),
        Val::Str(text) => {
            let chars: Vec<char> = text.chars().collect();
            Val::str(pick(chars.len()).into_iter().map(|index| chars[index]).collect::<String>())
        }
        Val::List(items) => {
            let items = items.borrow();
            Val::list(pick(items.len()).into_iter().map(|index| items[index].clone()).collect())
        }
        Val::Tuple(items) => Val::tuple(pick(items.len()).into_iter().map(|index| items[index].clone()).collect()),
        Val::Bytes(bytes) => Val::Bytes(pick(bytes.len()).into_iter().map(|index| bytes[index]).collect()),
        Val::Object(object) => match &**object {
            Object::Range(first, last, by) => {
                let len = range_len(*first, *last, *by);
                let chosen = places(len, start, stop, step);
                let at = |index: usize| first + index as i64 * by;
                let begin = chosen.first().map_or(*first, |index| at(*index));
                Val::object(Object::Range(begin, begin + chosen.len() as i64 * by * step, by * step))
            }
            _ => Val::missing(Absent::Element(value.clone(), Val::str("slice"))),
        },
        // As in the reference: what cannot be sliced has no such item.
        other => Val::missing(Absent::Element(other.clone(), Val::str("slice"))),
    })
}

fn places(len: usize, start: Option<i64>, stop: Option<i64>, step: i64) -> Vec<usize> {
    let len = len as i64;
    let (lowest, highest) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let bound = |value: Option<i64>, default: i64| match value {
        None => default,
        Some(value) if value < 0 => value.saturating_add(len).max(lowest),
        Some(value) => value.min(highest),
    };
    let (start, stop) = if step > 0 {
        (bound(start, lowest), bound(stop, highest))
    } else {
        (bound(start, highest), bound(stop, lowest))
    };
    let mut places = Vec::new();
    let mut index = start;
    while if step > 0 { index < stop } else { index > stop } {
        places.push(index as usize);
        let Some(next) = index.checked_add(step) else { break };
        index = next;
    }
    places
}

/// Methods of `loop`, `cycler` and `salt`.
pub(super) fn object_method(object: &Object, name: &str) -> Option<(&'static str, super::object::MethodCode)> {
    Some(match (object, name) {
        (Object::Loop(_), "cycle") => ("cycle", loop_cycle),
        (Object::Loop(_), "changed") => ("changed", loop_changed),
        (Object::Cycler(..), "next") => ("next", cycler_next),
        (Object::Cycler(..), "reset") => ("reset", cycler_reset),
        (Object::Salt, "get") => ("get", salt_get),
        _ => return None,
    })
}

fn loop_of(value: &Val) -> Option<&LoopState> {
    match value {
        Val::Object(object) => match &**object {
            Object::Loop(state) => Some(state),
            _ => None,
        },
        _ => None,
    }
}

fn loop_cycle(_: &mut Run<'_>, receiver: &Val, arguments: &mut Arguments) -> Res {
    let items: Vec<Val> = arguments.positional.drain(..).collect();
    let index = loop_of(receiver).map_or(0, |state| state.index.get());
    match items.get(index % items.len().max(1)) {
        Some(item) => Ok(item.clone()),
        None => Err(Fault::error("no items for cycling given")),
    }
}

fn loop_changed(_: &mut Run<'_>, receiver: &Val, arguments: &mut Arguments) -> Res {
    let items: Vec<Val> = arguments.positional.drain(..).collect();
    let Some(state) = loop_of(receiver) else { return Ok(Val::Bool(false)) };
    let mut last = state.changed.borrow_mut();
    let same = last
        .as_ref()
        .is_some_and(|last| last.len() == items.len() && last.iter().zip(&items).all(|(a, b)| a.equals(b)));
    *last = Some(items);
    Ok(Val::Bool(!same))
}

fn cycler_next(_: &mut Run<'_>, receiver: &Val, _: &mut Arguments) -> Res {
    if let Val::Object(object) = receiver
        && let Object::Cycler(items, place) = &**object
    {
        let index = place.get();
        place.set((index + 1) % items.len());
        return Ok(items[index].clone());
    }
    Ok(Val::None)
}

fn cycler_reset(_: &mut Run<'_>, receiver: &Val, _: &mut Arguments) -> Res {
    if let Val::Object(object) = receiver
        && let Object::Cycler(_, place) = &**object
    {
        place.set(0);
    }
    Ok(Val::None)
}

fn salt_get(run: &mut Run<'_>, _: &Val, arguments: &mut Arguments) -> Res {
    let name: Arc<str> = arguments.need_text("key")?.into();
    let default = arguments.take("default").unwrap_or(Val::None);
    Ok(salt_item(run, &name).unwrap_or(default))
}

impl Val {
    /// Names that could have been meant by a missing attribute.
    pub fn attributes(&self) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Dict(dict) => {
                dict.borrow().keys().take(500).filter_map(|key| key.val().as_str().map(str::to_owned)).collect()
            }
            Self::Object(object) => match &**object {
                Object::Namespace(names) => names.borrow().keys().map(ToString::to_string).collect(),
                Object::Module(module) => module.exports.keys().map(ToString::to_string).collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        names.extend(methods::names(self).map(str::to_owned));
        names
    }
}
