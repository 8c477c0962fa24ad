//! Methods of list and tuple.

use std::cell::RefCell;
use std::rc::Rc;

use super::super::fault::{Fault, Res};
use super::super::interpret::{Arguments, Run};
use super::super::object::Val;
use super::super::operate;
use super::super::size;
use super::Table;

/// The methods of list.
pub(super) const METHODS: Table = &[
    ("append", append),
    ("clear", clear),
    ("copy", copy),
    ("count", count),
    ("extend", extend),
    ("index", index),
    ("insert", insert),
    ("pop", pop),
    ("remove", remove),
    ("reverse", reverse),
    ("sort", sort),
];

/// The methods of tuple.
pub(super) const TUPLE_METHODS: Table = &[("count", count), ("index", index)];

fn list(value: &Val) -> Res<&Rc<RefCell<Vec<Val>>>> {
    match value {
        Val::List(items) => Ok(items),
        other => Err(Fault::error(format!("'{}' object is no list", other.type_name()))),
    }
}

fn append(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let item = arguments.need("object")?;
    arguments.finish()?;
    list(value)?.borrow_mut().push(item);
    Ok(Val::None)
}

fn clear(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    arguments.finish()?;
    list(value)?.borrow_mut().clear();
    Ok(Val::None)
}

fn copy(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    arguments.finish()?;
    Ok(Val::list(list(value)?.borrow().clone()))
}

fn extend(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let items = arguments.need("iterable")?.items()?;
    arguments.finish()?;
    let mut list = list(value)?.borrow_mut();
    size::items(list.len() + items.len())?;
    list.extend(items);
    Ok(Val::None)
}

fn insert(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let place = arguments.integer("index")?.unwrap_or(0);
    let item = arguments.need("object")?;
    arguments.finish()?;
    let mut list = list(value)?.borrow_mut();
    let len = list.len() as i64;
    let place = if place < 0 { (place + len).max(0) } else { place.min(len) };
    list.insert(place as usize, item);
    Ok(Val::None)
}

fn pop(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let place = arguments.integer("index")?.unwrap_or(-1);
    arguments.finish()?;
    let mut list = list(value)?.borrow_mut();
    if list.is_empty() {
        return Err(Fault::error("pop from empty list"));
    }
    let place = if place < 0 { place + list.len() as i64 } else { place };
    match usize::try_from(place) {
        Ok(place) if place < list.len() => Ok(list.remove(place)),
        _ => Err(Fault::error("pop index out of range")),
    }
}

fn remove(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let item = arguments.need("value")?;
    arguments.finish()?;
    let mut list = list(value)?.borrow_mut();
    match list.iter().position(|known| known.equals(&item)) {
        Some(place) => {
            list.remove(place);
            Ok(Val::None)
        }
        None => Err(Fault::error("list.remove(x): x not in list")),
    }
}

fn reverse(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    arguments.finish()?;
    list(value)?.borrow_mut().reverse();
    Ok(Val::None)
}

fn sort(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let descending = arguments.named("reverse").map_or(Ok(false), |flag| flag.truth())?;
    arguments.finish()?;
    let mut items = list(value)?.borrow().clone();
    operate::sort(&mut items, descending, Clone::clone)?;
    list(value)?.replace(items);
    Ok(Val::None)
}

fn count(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let item = arguments.need("value")?;
    arguments.finish()?;
    Ok(Val::Int(value.items()?.iter().filter(|known| known.equals(&item)).count() as i64))
}

fn index(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let item = arguments.need("value")?;
    let start = arguments.integer("start")?.unwrap_or(0).max(0) as usize;
    arguments.finish()?;
    match value.items()?.iter().skip(start).position(|known| known.equals(&item)) {
        Some(place) => Ok(Val::Int((place + start) as i64)),
        None if matches!(value, Val::Tuple(_)) => Err(Fault::error("tuple.index(x): x not in tuple")),
        None => Err(Fault::error(format!("{} is not in list", item.repr()))),
    }
}
