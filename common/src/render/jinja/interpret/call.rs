//! Calls: macros, functions, methods, `salt[...]`, `loop(...)`, `super()`.

use std::rc::Rc;

use super::super::fault::{Fault, FaultKind, Res};
use super::super::object::{Absent, Dict, Key, Macro, Object, Val};
use super::super::tree::{Argument, Expr, Kind, LinkKind};
use super::meter::weight_of_data;
use super::{Arguments, Frame, Run};
use crate::call::CallError;
use crate::value::Map;

impl Run<'_> {
    /// Evaluates the arguments of a call.
    pub(super) fn arguments(&mut self, arguments: &[Argument], frame: &Rc<Frame>) -> Res<Arguments> {
        let mut out = Arguments::default();
        for argument in arguments {
            match argument {
                Argument::Positional(value) => out.positional.push_back(self.value(value, frame)?),
                Argument::Named(name, value) => out.named.push((name.clone(), self.value(value, frame)?)),
                Argument::Items(value) => out.positional.extend(self.value(value, frame)?.items()?),
                Argument::Entries(value) => match self.value(value, frame)?.defined()? {
                    Val::Dict(dict) => {
                        for (key, value) in dict.borrow().iter() {
                            let Some(name) = key.val().as_str() else {
                                return Err(Fault::error("keywords must be strings"));
                            };
                            out.named.push((name.into(), value.clone()));
                        }
                    }
                    other => {
                        let name = other.type_name();
                        return Err(Fault::error(format!("argument after ** must be a mapping, not {name}")));
                    }
                },
            }
        }
        Ok(out)
    }

    /// Calls a value.
    pub(in crate::render::jinja) fn call(&mut self, callee: &Val, mut arguments: Arguments) -> Res {
        let Val::Object(object) = callee else {
            return Err(match callee {
                Val::Undefined(missing) => Fault::missing(missing),
                other => Fault::error(format!("'{}' object is not callable", other.type_name())),
            });
        };
        match &**object {
            Object::Macro(item) => self.call_macro(item, arguments),
            Object::Method(receiver, name, code) => {
                arguments.function = (*name).into();
                match receiver {
                    Val::List(_) | Val::Dict(_) => {
                        self.hold_inside(&arguments.positional)?;
                        self.changing(receiver, |run| code(run, receiver, &mut arguments))
                    }
                    _ => code(self, receiver, &mut arguments),
                }
            }
            Object::Function(name, code) => {
                arguments.function = (*name).into();
                code(self, &mut arguments)
            }
            Object::SaltFunction(name) => self.call_salt(name, arguments),
            Object::Loop(state) => {
                let items = arguments.need("iterable")?;
                self.recurse(state, items)
            }
            Object::Joiner(separator, used) => {
                Ok(if used.replace(true) { Val::Str(separator.clone()) } else { Val::str("") })
            }
            Object::BlockCall(name, level) => self.block_text(name, *level),
            _ => Err(Fault::error(format!("'{}' object is not callable", callee.type_name()))),
        }
    }

    /// The call of a call block: the last link of the chain gets the body as `caller`.
    pub(super) fn call_with_caller(&mut self, call: &Expr, caller: Val, frame: &Rc<Frame>) -> Res {
        let Kind::Chain(first, links) = &*call.kind else {
            return Err(Fault::error("a call block needs a call"));
        };
        let Some((last, before)) = links.split_last() else { return Err(Fault::error("a call block needs a call")) };
        let LinkKind::Call(arguments) = &last.kind else { return Err(Fault::error("a call block needs a call")) };
        let mut callee = self.value(first, frame)?;
        for link in before {
            callee = self.link(link, callee, frame)?;
        }
        let mut arguments = self.arguments(arguments, frame)?;
        arguments.named.push(("caller".into(), caller));
        self.call(&callee, arguments).map_err(|fault| fault.at(&self.template, call.at))
    }

    fn call_macro(&mut self, item: &Macro, arguments: Arguments) -> Res {
        let frame = Frame::inside(&item.frame);
        let former = std::mem::replace(&mut self.template, item.template.clone());
        let text = self.deeper(10, |run| {
            run.bind_macro(item, arguments, &frame)?;
            run.captured(&item.row.body, &frame)
        });
        self.template = former;
        if Rc::strong_count(&frame) == 1 {
            frame.clear(|value| self.release(value));
        }
        text.map(Val::str)
    }

    fn bind_macro(&mut self, item: &Macro, mut arguments: Arguments, frame: &Rc<Frame>) -> Res<()> {
        let row = &item.row;
        let declares_caller = row.arguments.iter().any(|(name, _)| &**name == "caller");
        let caller = if declares_caller { None } else { arguments.named("caller") };
        for (name, default) in &row.arguments {
            let value = match arguments.take(name) {
                Some(value) => value,
                None => match default {
                    Some(default) => self.value(default, frame)?,
                    None => Val::missing(Absent::Other(format!("parameter '{name}' was not provided"))),
                },
            };
            frame.set(name.clone(), value);
        }
        if row.caller && !declares_caller {
            let missing = || Val::missing(Absent::Other("No caller defined".to_owned()));
            frame.set("caller".into(), caller.unwrap_or_else(missing));
        } else if caller.is_some() {
            return Err(Fault::error(format!("macro '{}' takes no keyword argument 'caller'", row.name)));
        }
        if row.kwargs {
            let entries = arguments.named.drain(..).map(|(name, value)| (Key::text(name), value));
            frame.set("kwargs".into(), Val::dict(entries.collect::<Dict>()));
        } else if let Some((name, _)) = arguments.named.first() {
            return Err(Fault::error(format!("macro '{}' takes no keyword argument '{name}'", row.name)));
        }
        if row.varargs {
            frame.set("varargs".into(), Val::tuple(arguments.positional.drain(..).collect()));
        } else if !arguments.positional.is_empty() {
            let most = row.arguments.len();
            return Err(Fault::error(format!("macro '{}' takes not more than {most} argument(s)", row.name)));
        }
        Ok(())
    }

    fn call_salt(&mut self, name: &str, arguments: Arguments) -> Res {
        self.spend(10)?;
        let mut call = crate::call::Arguments::default();
        // Only defaults.merge and its kin change what they are given; the reference changes it in place.
        let first = arguments.positional.front().cloned();
        for value in &arguments.positional {
            call.positional.push(value.to_value()?);
        }
        let mut named = Map::new();
        for (name, value) in &arguments.named {
            named.insert(&**name, value.to_value()?);
        }
        let in_place = named.get("in_place").is_none_or(|value| value.truthy());
        call.keyword = named;
        let outcome = self.scope.facts.caller().call(name, call).map_err(|error| call_fault(name, error))?;
        self.hold_bytes(weight_of_data(&outcome.value))?;
        let value = Val::from(&outcome.value);
        if let (true, Some(Val::Dict(target)), Val::Dict(merged)) =
            (in_place && matches!(name, "defaults.merge" | "defaults.update"), &first, &value)
        {
            target.replace(merged.borrow().clone());
            return Ok(Val::Dict(target.clone()));
        }
        Ok(value)
    }
}

fn call_fault(function: &str, error: CallError) -> Fault {
    match error {
        CallError::Unknown { suggestion, .. } => {
            let fault = Fault::new(FaultKind::Undefined, format!("there is no function '{function}'"));
            match suggestion {
                Some(name) => fault.help(format!("did you mean '{name}'?")),
                None => fault,
            }
        }
        CallError::Diagnostic(inner) => Fault::nested(*inner),
        other => Fault::new(FaultKind::Call, other.to_string()),
    }
}
