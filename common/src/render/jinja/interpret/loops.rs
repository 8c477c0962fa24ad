//! `{% for %}` and the `loop` in it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::super::fault::{Fault, Res};
use super::super::object::{LoopState, Object, Val};
use super::super::tree::For;
use super::statement::Flow;
use super::{Frame, Run};

impl Run<'_> {
    /// Runs a loop of a template.
    pub(super) fn run_loop(&mut self, row: &Arc<For>, frame: &Rc<Frame>, out: &mut String) -> Res<Flow> {
        let items = self.value(&row.items, frame)?;
        self.passes(row, items, frame, 0, out)
    }

    /// `loop(items)` inside a recursive loop: the text of the loop over those items.
    pub(super) fn recurse(&mut self, state: &LoopState, items: Val) -> Res {
        let Some((row, frame, template)) = state.recursion.clone() else {
            return Err(Fault::error("cannot recurse outside of recursive loop"));
        };
        let former = std::mem::replace(&mut self.template, template);
        let depth = state.depth + 1;
        let text = self.deeper(10, |run| run.apart(|run, text| run.passes(&row, items, &frame, depth, text)));
        self.template = former;
        text.map(Val::str)
    }

    fn passes(&mut self, row: &Arc<For>, items: Val, frame: &Rc<Frame>, depth: usize, out: &mut String) -> Res<Flow> {
        let mut items = items.items()?;
        self.spend(items.len())?;
        if let Some(test) = &row.filter {
            let mut kept = Vec::with_capacity(items.len());
            for item in items {
                let inner = Frame::inside(frame);
                self.assign(&row.target, item.clone(), &inner)?;
                if self.value(test, &inner)?.truth()? {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            return self.body(&row.otherwise, &Frame::inside(frame), out);
        }
        let state = Rc::new(Object::Loop(LoopState {
            items: items.into(),
            index: Cell::new(0),
            depth,
            changed: RefCell::new(None),
            recursion: Some((row.clone(), frame.clone(), self.template.clone())),
        }));
        self.pass_all(row, &state, frame, out)
    }

    fn pass_all(&mut self, row: &Arc<For>, state: &Rc<Object>, frame: &Rc<Frame>, out: &mut String) -> Res<Flow> {
        let Object::Loop(inside) = &**state else { return Ok(Flow::On) };
        let name: Arc<str> = Arc::from("loop");
        let mut names = Frame::inside(frame);
        // As in the reference, `else` follows a loop that no pass went through to its end.
        let mut finished = false;
        for index in 0..inside.items.len() {
            inside.index.set(index);
            // Macros and modules may keep the frame of a pass; only then a new one is needed.
            if Rc::strong_count(&names) == 1 {
                names.clear(|value| self.release(value));
            } else {
                names = Frame::inside(frame);
            }
            names.set(name.clone(), Val::Object(state.clone()));
            let assigned = self.assign(&row.target, inside.items[index].clone(), &names);
            assigned.map_err(|fault| fault.at(&self.template, row.at))?;
            match self.body(&row.body, &names, out)? {
                Flow::Break => break,
                Flow::Continue => {}
                Flow::On => finished = true,
            }
        }
        if finished { Ok(Flow::On) } else { self.body(&row.otherwise, &Frame::inside(frame), out) }
    }
}
