//! The names of a template: a chain of frames, one for each template, loop pass, macro call and `with`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::super::object::Val;

/// The names of one scope and the scope around it.
#[derive(Default)]
pub(in crate::render::jinja) struct Frame {
    names: RefCell<Vec<(Arc<str>, Val)>>,
    /// Imported names: seen by the template, not exported by it.
    imported: RefCell<Vec<Arc<str>>>,
    parent: Option<Rc<Frame>>,
}

impl Frame {
    /// A frame inside another.
    pub fn inside(parent: &Rc<Self>) -> Rc<Self> {
        Rc::new(Self { parent: Some(parent.clone()), ..Self::default() })
    }

    /// A frame without surroundings: only globals are seen through it.
    pub fn alone() -> Rc<Self> {
        Rc::new(Self::default())
    }

    /// The value of a name, here or around.
    pub fn get(&self, name: &str) -> Option<Val> {
        let mut frame = self;
        loop {
            // The latest names are asked for most.
            if let Some((_, value)) = frame.names.borrow().iter().rev().find(|(known, _)| **known == *name) {
                return Some(value.clone());
            }
            frame = frame.parent.as_deref()?;
        }
    }

    /// Sets a name in this frame; returns what it was.
    pub fn set(&self, name: Arc<str>, value: Val) -> Option<Val> {
        let mut names = self.names.borrow_mut();
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => Some(std::mem::replace(&mut entry.1, value)),
            None => {
                names.push((name, value));
                None
            }
        }
    }

    /// Sets a name that is not exported.
    pub fn set_imported(&self, name: Arc<str>, value: Val) {
        self.imported.borrow_mut().push(name.clone());
        self.set(name, value);
    }

    /// What a template with this frame exports: its own public names.
    pub fn exports(&self) -> impl Iterator<Item = (Arc<str>, Val)> {
        let imported = self.imported.borrow();
        let public = |name: &Arc<str>| !name.starts_with('_') && !imported.contains(name);
        let names: Vec<_> = self.names.borrow().iter().filter(|(name, _)| public(name)).cloned().collect();
        names.into_iter()
    }

    /// All names that can be seen from here.
    pub fn names(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut frame = Some(self);
        while let Some(here) = frame {
            all.extend(here.names.borrow().iter().map(|(name, _)| name.to_string()));
            frame = here.parent.as_deref();
        }
        all
    }

    /// Forgets a name of this frame and returns its value.
    pub fn remove(&self, name: &str) -> Option<Val> {
        let mut names = self.names.borrow_mut();
        let index = names.iter().position(|(known, _)| **known == *name)?;
        Some(names.remove(index).1)
    }

    /// Takes the names out of this frame, for the next pass of a loop.
    pub fn clear(&self, mut gone: impl FnMut(Val)) {
        self.names.borrow_mut().drain(..).for_each(|(_, value)| gone(value));
    }

    /// Takes the names out of a frame that is not used any more.
    pub fn take(&self) -> Vec<(Arc<str>, Val)> {
        self.names.take()
    }
}
