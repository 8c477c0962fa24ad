//! Methods of set.

use std::cell::RefCell;
use std::rc::Rc;

use indexmap::IndexSet;

use super::super::fault::{Fault, Res};
use super::super::interpret::{Arguments, Run};
use super::super::object::{Key, Val};
use super::Table;

type Items = IndexSet<Key>;

/// The methods.
pub(super) const METHODS: Table = &[
    ("add", |_, value, arguments| {
        let item = Key::new(arguments.need("item")?)?;
        set(value)?.borrow_mut().insert(item);
        Ok(Val::None)
    }),
    ("copy", |_, value, _| Ok(new(set(value)?.borrow().clone()))),
    ("difference", |_, value, arguments| {
        let other = others(arguments)?;
        Ok(new(set(value)?.borrow().iter().filter(|item| !other.contains(*item)).cloned().collect()))
    }),
    ("discard", |_, value, arguments| {
        let item = Key::new(arguments.need("item")?)?;
        set(value)?.borrow_mut().shift_remove(&item);
        Ok(Val::None)
    }),
    ("intersection", |_, value, arguments| {
        let other = others(arguments)?;
        Ok(new(set(value)?.borrow().iter().filter(|item| other.contains(*item)).cloned().collect()))
    }),
    ("issubset", |_, value, arguments| {
        let other = others(arguments)?;
        Ok(Val::Bool(set(value)?.borrow().iter().all(|item| other.contains(item))))
    }),
    ("union", |_, value, arguments| {
        let other = others(arguments)?;
        Ok(new(set(value)?.borrow().iter().cloned().chain(other).collect()))
    }),
    ("update", update),
];

fn set(value: &Val) -> Res<&Rc<RefCell<Items>>> {
    match value {
        Val::Set(set) => Ok(set),
        other => Err(Fault::error(format!("'{}' object is no set", other.type_name()))),
    }
}

fn new(items: Items) -> Val {
    Val::Set(Rc::new(RefCell::new(items)))
}

fn others(arguments: &mut Arguments) -> Res<Items> {
    let mut items = Items::new();
    for other in arguments.positional.drain(..) {
        for item in other.items()? {
            items.insert(Key::new(item)?);
        }
    }
    Ok(items)
}

fn update(_: &mut Run<'_>, value: &Val, arguments: &mut Arguments) -> Res {
    let items = others(arguments)?;
    set(value)?.borrow_mut().extend(items);
    Ok(Val::None)
}
