//! Filters that treat sequences as sets.

use std::cell::RefCell;
use std::rc::Rc;

use indexmap::IndexSet;

use super::super::fault::{Fault, Res};
use super::super::interpret::Arguments;
use super::super::object::{Key, Val};
use super::Table;

/// The filters.
pub(super) const FILTERS: Table = &[
    ("difference", |_, value, arguments| combine(&value, arguments, |left, right| left && !right)),
    ("intersect", |_, value, arguments| combine(&value, arguments, |left, right| left && right)),
    ("symmetric_difference", |_, value, arguments| combine(&value, arguments, |left, right| left != right)),
    ("union", |_, value, arguments| combine(&value, arguments, |left, right| left || right)),
    ("unique", |_, value, arguments| {
        arguments.finish()?;
        let items = Items::new(value.items()?);
        shown(items.order, hashable(&value))
    }),
];

/// Items without repeats, in their order; what cannot be in a set is compared one by one.
struct Items {
    order: Vec<Val>,
    keys: IndexSet<Key>,
    rest: Vec<Val>,
}

impl Items {
    fn new(items: Vec<Val>) -> Self {
        let mut all = Self { order: Vec::new(), keys: IndexSet::new(), rest: Vec::new() };
        for item in items {
            if !all.contains(&item) {
                match Key::new(item.clone()) {
                    Ok(key) => drop(all.keys.insert(key)),
                    Err(_) => all.rest.push(item.clone()),
                }
                all.order.push(item);
            }
        }
        all
    }

    fn contains(&self, item: &Val) -> bool {
        match Key::new(item.clone()) {
            Ok(key) => self.keys.contains(&key),
            Err(_) => self.rest.iter().any(|known| known.equals(item)),
        }
    }
}

/// What Python can hash makes a set, a list stays a list.
fn hashable(value: &Val) -> bool {
    matches!(value, Val::Set(_) | Val::Str(_) | Val::Tuple(_))
}

fn shown(items: Vec<Val>, as_set: bool) -> Res {
    if !as_set {
        return Ok(Val::list(items));
    }
    let keys = items.into_iter().map(Key::new).collect::<Res<IndexSet<Key>>>()?;
    Ok(Val::Set(Rc::new(RefCell::new(keys))))
}

/// Those items of both sides that `keep` wants, told in which side they are.
fn combine(value: &Val, arguments: &mut Arguments, keep: fn(bool, bool) -> bool) -> Res {
    let other = arguments.need("lst2")?;
    arguments.finish()?;
    if let (Val::Dict(_), Val::Dict(_)) = (value, &other) {
        return Err(Fault::error("unsupported operand type(s) for +: 'dict' and 'dict'"));
    }
    let (left, right) = (Items::new(value.items()?), Items::new(other.items()?));
    let of_left = left.order.iter().filter(|item| keep(true, right.contains(item)));
    let of_right = right.order.iter().filter(|item| !left.contains(item) && keep(false, true));
    shown(of_left.chain(of_right).cloned().collect(), hashable(value) && hashable(&other))
}
