//! Statements.

use std::rc::Rc;

use super::super::fault::{Fault, Res};
use super::super::filters;
use super::super::object::{Macro, Object, Val};
use super::super::tree::{Apply, Body, DataFormat, Expr, Node, Statement, Target};
use super::{Frame, Run};

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// At its end.
    On,
    /// At a `break`.
    Break,
    /// At a `continue`.
    Continue,
}

impl Run<'_> {
    /// Runs statements.
    pub(super) fn body(&mut self, body: &Body, frame: &Rc<Frame>, out: &mut String) -> Res<Flow> {
        for node in body {
            if self.captures == 0 && matches!(node.kind, Statement::Text(_) | Statement::Emit(_) | Statement::Call(..))
            {
                let verbatim = matches!(node.kind, Statement::Text(_));
                self.origins.add(out.len(), &self.template.name, node.at.line, node.at.column, verbatim);
            }
            let flow = match &node.kind {
                Statement::Text(text) => {
                    out.push_str(text);
                    Flow::On
                }
                Statement::Emit(expr) => {
                    self.emit(expr, frame, out).map_err(|fault| fault.at(&self.template, expr.at))?;
                    Flow::On
                }
                _ => self.statement(node, frame, out).map_err(|fault| fault.at(&self.template, node.at))?,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        self.bounded(out)?;
        Ok(Flow::On)
    }

    /// Runs statements into a text of their own.
    pub(super) fn captured(&mut self, body: &Body, frame: &Rc<Frame>) -> Res<String> {
        self.apart(|run, text| run.body(body, frame, text))
    }

    /// Runs something that writes to a text of its own.
    pub(super) fn apart<T>(&mut self, work: impl FnOnce(&mut Self, &mut String) -> Res<T>) -> Res<String> {
        let mut text = String::new();
        self.captures += 1;
        let result = work(self, &mut text);
        self.captures -= 1;
        result.map(|_| text)
    }

    fn emit(&mut self, expr: &Expr, frame: &Rc<Frame>, out: &mut String) -> Res<()> {
        let value = self.value(expr, frame)?;
        self.print(&value, out)?;
        self.release(value);
        Ok(())
    }

    fn print(&mut self, value: &Val, out: &mut String) -> Res<()> {
        if self.escape {
            out.push_str(&filters::escaped(&value.text()?));
            return Ok(());
        }
        value.print(out)
    }

    fn statement(&mut self, node: &Node, frame: &Rc<Frame>, out: &mut String) -> Res<Flow> {
        self.spend(1)?;
        match &node.kind {
            Statement::Text(_) | Statement::Emit(_) => {}
            Statement::For(row) => return self.run_loop(row, frame, out),
            Statement::If(branches, otherwise) => {
                for (test, body) in branches {
                    let test = self.value(test, frame).and_then(|value| value.truth());
                    if test.map_err(|fault| fault.at(&self.template, node.at))? {
                        return self.body(body, frame, out);
                    }
                }
                return self.body(otherwise, frame, out);
            }
            Statement::With(assignments, body) => {
                let inner = Frame::inside(frame);
                for (target, value) in assignments {
                    let value = self.value(value, frame)?;
                    self.assign(target, value, &inner)?;
                }
                return self.body(body, &inner, out);
            }
            Statement::Set(target, value) => {
                let value = self.value(value, frame)?;
                self.assign(target, value, frame)?;
            }
            Statement::SetBlock(target, applied, body) => {
                let text = self.captured(body, &Frame::inside(frame))?;
                let text = self.held(Val::str(text))?;
                let value = self.apply_all(applied, text, frame)?;
                self.assign(target, value, frame)?;
            }
            Statement::Load(format, target, body) => {
                let text = self.captured(body, &Frame::inside(frame))?;
                let value = self.data(*format, &text, "")?;
                self.assign(target, value, frame)?;
            }
            Statement::AutoEscape(enabled, body) => {
                let enabled = self.value(enabled, frame)?.truth()?;
                let former = std::mem::replace(&mut self.escape, enabled);
                let flow = self.body(body, &Frame::inside(frame), out);
                self.escape = former;
                return flow;
            }
            Statement::Filter(applied, body) => {
                let text = self.captured(body, &Frame::inside(frame))?;
                let value = self.apply_all(applied, Val::str(text), frame)?;
                value.print(out)?;
            }
            Statement::Macro(row) => {
                self.circles.note_frame(frame);
                let item = Macro { row: row.clone(), frame: frame.clone(), template: self.template.clone() };
                frame.set(row.name.clone(), Val::object(Object::Macro(item)));
            }
            Statement::Call(call, row) => {
                let item = Macro { row: row.clone(), frame: frame.clone(), template: self.template.clone() };
                let caller = Val::object(Object::Macro(item));
                let value = self.call_with_caller(call, caller, frame)?;
                self.print(&value, out)?;
            }
            Statement::Do(expr) => {
                let value = self.value(expr, frame)?;
                self.release(value);
            }
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
            _ => return self.template_statement(node, frame, out),
        }
        Ok(Flow::On)
    }

    fn apply_all(&mut self, applied: &[Apply], mut value: Val, frame: &Rc<Frame>) -> Res {
        for apply in applied {
            value = self.filter(apply, value, frame)?;
        }
        Ok(value)
    }

    /// Writes a value to a name, an attribute of a namespace, or several of them.
    pub(super) fn assign(&mut self, target: &Target, value: Val, frame: &Rc<Frame>) -> Res<()> {
        match target {
            Target::Name(name) => {
                if let Some(former) = frame.set(name.clone(), value) {
                    self.release(former);
                }
            }
            Target::Attribute(name, attribute) => {
                let namespace = self.name(name, frame);
                match &namespace {
                    Val::Object(object) => match &**object {
                        Object::Namespace(names) => {
                            let former = names.borrow_mut().insert(attribute.clone(), value);
                            self.circles.note(&namespace);
                            if let Some(former) = former {
                                self.release(former);
                            }
                        }
                        _ => return Err(Fault::error("cannot assign attribute on non-namespace object")),
                    },
                    Val::Undefined(missing) => return Err(Fault::missing(missing)),
                    _ => return Err(Fault::error("cannot assign attribute on non-namespace object")),
                }
            }
            Target::Unpack(targets) => {
                let items = match value.items() {
                    Ok(items) => items,
                    Err(_) if !value.is_undefined() => {
                        let name = value.type_name();
                        return Err(Fault::error(format!("cannot unpack non-iterable {name} object")));
                    }
                    Err(fault) => return Err(fault),
                };
                if items.len() > targets.len() {
                    let expected = targets.len();
                    return Err(Fault::error(format!("too many values to unpack (expected {expected})")));
                }
                if items.len() < targets.len() {
                    let (expected, got) = (targets.len(), items.len());
                    let message = format!("not enough values to unpack (expected {expected}, got {got})");
                    return Err(Fault::error(message));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item, frame)?;
                }
            }
        }
        Ok(())
    }

    /// Reads what `load_yaml`, `import_json` and their kin produced.
    pub(super) fn data(&mut self, format: DataFormat, text: &str, name: &str) -> Res {
        let name = if name.is_empty() { "load" } else { name };
        self.hold_parsed(text)?;
        match format {
            DataFormat::Text => Ok(Val::str(text)),
            DataFormat::Yaml => filters::load_yaml(text, name),
            DataFormat::Json => filters::load_json(text),
        }
    }
}
