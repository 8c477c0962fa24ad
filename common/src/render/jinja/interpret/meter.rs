//! What the values of a render weigh: counted as they are made, given back when they go.
//!
//! Counts are close, not exact: a value is weighed by itself when an expression makes it, and given back when the last
//! name for it is overwritten or its text was printed. What goes unnoticed is forgotten too late, never too early.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::super::fault::{Fault, Res};
use super::super::object::{Dict, Object, Val};
use super::Run;
use crate::value::Value;

/// What one entry of a list weighs, with the smallest thing it can hold.
const ENTRY: usize = 64;
/// How many items are looked at for nesting.
const SEEN: usize = 8;
/// What one entry of a dict weighs, with key and value.
const PAIR: usize = 160;

impl Run<'_> {
    /// Counts a value that was made; one that others hold was counted before.
    pub(super) fn held(&mut self, value: Val) -> Res {
        if alone(&value) {
            self.hold_bytes(weight(&value))?;
            match &value {
                Val::List(items) => self.hold_inside(items.borrow().iter())?,
                Val::Tuple(items) => self.hold_inside(items.iter())?,
                Val::Dict(dict) => self.hold_inside(dict.borrow().values())?,
                Val::Object(object) => match &**object {
                    Object::Generator(_, items) => self.hold_inside(items.borrow().iter())?,
                    Object::Namespace(names) => self.hold_inside(names.borrow().values())?,
                    Object::Cycler(items, _) => self.hold_inside(items.iter())?,
                    _ => {}
                },
                _ => {}
            }
        }
        Ok(value)
    }

    /// Counts values that hold values which others hold, too: chains of them need stack when they are dropped.
    pub(super) fn hold_inside<'v>(&mut self, items: impl IntoIterator<Item = &'v Val>) -> Res<()> {
        let container =
            |item: &Val| matches!(item, Val::List(_) | Val::Dict(_) | Val::Tuple(_) | Val::Object(_)) && !alone(item);
        if items.into_iter().take(SEEN).any(container) {
            self.inside += 1;
        }
        if self.inside > self.engine.limits.nested {
            let most = self.engine.limits.nested;
            return Err(Fault::limit(format!("more than {most} lists or mappings are put into others")));
        }
        Ok(())
    }

    /// Counts memory that is taken.
    pub(super) fn hold_bytes(&mut self, bytes: usize) -> Res<()> {
        self.weight = self.weight.saturating_add(bytes);
        if self.weight > self.engine.limits.memory {
            return Err(Fault::limit(format!("the values need more than {} bytes", self.engine.limits.memory))
                .help("build a large list or text outside the template, or in smaller parts"));
        }
        Ok(())
    }

    /// Counts what a text of data becomes: small values weigh more than they are long.
    pub(in super::super) fn hold_parsed(&mut self, text: &str) -> Res<()> {
        self.hold_bytes(text.len().saturating_mul(16))
    }

    /// Takes back what was counted for a value that nobody else holds, and drops it.
    pub(super) fn release(&mut self, value: Val) {
        if alone(&value) {
            self.weight = self.weight.saturating_sub(weight(&value));
        }
    }

    /// Runs what may change `receiver` in place and counts by how much it grew.
    pub(super) fn changing(&mut self, receiver: &Val, work: impl FnOnce(&mut Self) -> Res) -> Res {
        let before = weight(receiver);
        let result = work(self)?;
        let after = weight(receiver);
        if after > before {
            self.hold_bytes(after - before)?;
            self.circles.note(receiver);
        } else {
            self.weight = self.weight.saturating_sub(before - after);
        }
        Ok(result)
    }
}

/// True for a value that can be large and that nobody else holds.
fn alone(value: &Val) -> bool {
    match value {
        Val::Str(text) => Arc::strong_count(text) == 1,
        Val::Bytes(bytes) => Rc::strong_count(bytes) == 1,
        Val::List(items) => Rc::strong_count(items) == 1,
        Val::Tuple(items) => Rc::strong_count(items) == 1,
        Val::Dict(dict) => Rc::strong_count(dict) == 1,
        Val::Set(set) => Rc::strong_count(set) == 1,
        Val::Big(number) => Rc::strong_count(number) == 1,
        Val::Object(object) => Rc::strong_count(object) == 1,
        _ => false,
    }
}

/// What a value weighs without what its items weigh by themselves.
fn weight(value: &Val) -> usize {
    match value {
        Val::Str(text) => text.len() + 32,
        Val::Bytes(bytes) => bytes.len() + 32,
        Val::List(items) => items.try_borrow().map_or(0, |items| items.len()) * ENTRY + 64,
        Val::Tuple(items) => items.len() * ENTRY + 32,
        Val::Dict(dict) => dict.try_borrow().map_or(0, |dict| dict.len()) * PAIR + 128,
        Val::Set(set) => set.try_borrow().map_or(0, |set| set.len()) * PAIR + 128,
        Val::Big(number) => usize::try_from(number.bits() / 8).unwrap_or(usize::MAX) + 32,
        Val::Object(object) => match &**object {
            Object::Generator(_, items) => items.try_borrow().map_or(0, |items| items.len()) * ENTRY + 64,
            Object::Module(module) => module.text.len(),
            _ => 64,
        },
        _ => 0,
    }
}

/// What data weighs with everything in it.
pub(super) fn weight_of_data(value: &Value) -> usize {
    match value {
        Value::Str(text) => text.len() + 32,
        Value::Bytes(bytes) => bytes.len() + 32,
        Value::List(items) => items.iter().map(|item| weight_of_data(item) + ENTRY / 2).sum::<usize>() + 64,
        Value::Map(map) => {
            map.iter().map(|(key, value)| weight_of_data(key) + weight_of_data(value) + PAIR / 2).sum::<usize>() + 128
        }
        _ => 16,
    }
}

/// Values that may hold themselves (a macro and the frame it is in, a list that was appended to itself): emptied at the
/// end of the render, because counted references never free a circle.
#[derive(Default)]
pub(super) struct Circles {
    frames: Vec<Rc<super::Frame>>,
    values: Vec<Holder>,
    /// How many values there may be before those that are gone are forgotten.
    most: usize,
}

/// A value that something was put into, without keeping it.
enum Holder {
    List(Weak<RefCell<Vec<Val>>>),
    Dict(Weak<RefCell<Dict>>),
    Object(Weak<Object>),
}

impl Holder {
    fn of(value: &Val) -> Option<Self> {
        Some(match value {
            Val::List(items) => Self::List(Rc::downgrade(items)),
            Val::Dict(dict) => Self::Dict(Rc::downgrade(dict)),
            Val::Object(object) => Self::Object(Rc::downgrade(object)),
            _ => return None,
        })
    }
    fn is(&self, value: &Val) -> bool {
        match (self, value) {
            (Self::List(known), Val::List(items)) => known.as_ptr() == Rc::as_ptr(items),
            (Self::Dict(known), Val::Dict(dict)) => known.as_ptr() == Rc::as_ptr(dict),
            (Self::Object(known), Val::Object(object)) => known.as_ptr() == Rc::as_ptr(object),
            _ => false,
        }
    }
    fn is_gone(&self) -> bool {
        match self {
            Self::List(items) => items.strong_count() == 0,
            Self::Dict(dict) => dict.strong_count() == 0,
            Self::Object(object) => object.strong_count() == 0,
        }
    }
    fn empty(&self) {
        match self {
            Self::List(items) => drop(items.upgrade().map(|items| items.take())),
            Self::Dict(dict) => drop(dict.upgrade().map(|dict| dict.take())),
            Self::Object(object) => {
                if let Some(Object::Namespace(names)) = object.upgrade().as_deref() {
                    names.take();
                }
            }
        }
    }
}

impl Circles {
    /// A frame in which a macro is defined.
    pub fn note_frame(&mut self, frame: &Rc<super::Frame>) {
        if self.frames.last().is_none_or(|last| !Rc::ptr_eq(last, frame)) {
            self.frames.push(frame.clone());
        }
    }
    /// A value that something was put into.
    pub fn note(&mut self, value: &Val) {
        if self.values.last().is_some_and(|last| last.is(value)) {
            return;
        }
        if self.values.len() > self.most {
            self.values.retain(|holder| !holder.is_gone());
            self.most = self.values.len() * 2 + 1000;
        }
        self.values.extend(Holder::of(value));
    }
}

impl Drop for Circles {
    fn drop(&mut self) {
        for frame in &self.frames {
            drop(frame.take());
        }
        self.values.iter().for_each(Holder::empty);
    }
}
