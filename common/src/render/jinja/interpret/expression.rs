//! Expressions.

use std::rc::Rc;
use std::sync::Arc;

use super::super::attribute;
use super::super::fault::{Fault, FaultKind, Res};
use super::super::object::{Absent, Dict, Key, Missing, MissingKind, Object, Val};
use super::super::operate;
use super::super::size;
use super::super::tree::{Apply, Comparison, Const, Expr, Kind, Link, LinkKind};
use super::{Arguments, Frame, Run};

impl Run<'_> {
    /// The value of an expression.
    pub(in crate::render::jinja) fn value(&mut self, expr: &Expr, frame: &Rc<Frame>) -> Res {
        match &*expr.kind {
            Kind::Const(constant) => Ok(constant.value()),
            Kind::Name(name) => Ok(self.name(name, frame)),
            _ => {
                self.spend(1)?;
                self.deeper(1, |run| run.compound(expr, frame)).map_err(|fault| fault.at(&self.template, expr.at))
            }
        }
    }

    /// The value of a name: from the frames, else a global, else something missing.
    pub(in crate::render::jinja) fn name(&mut self, name: &Arc<str>, frame: &Rc<Frame>) -> Val {
        if let Some(value) = frame.get(name) {
            return value;
        }
        self.global(name).unwrap_or_else(|| Val::missing(Absent::Name(name.clone(), frame.clone())))
    }

    fn values(&mut self, items: &[Expr], frame: &Rc<Frame>) -> Res<Vec<Val>> {
        items.iter().map(|item| self.value(item, frame)).collect()
    }

    fn compound(&mut self, expr: &Expr, frame: &Rc<Frame>) -> Res {
        Ok(match &*expr.kind {
            Kind::Const(constant) => constant.value(),
            Kind::Name(name) => self.name(name, frame),
            Kind::List(items) => {
                let list = Val::list(self.values(items, frame)?);
                self.held(list)?
            }
            Kind::Tuple(items) => {
                let tuple = Val::tuple(self.values(items, frame)?);
                self.held(tuple)?
            }
            Kind::Dict(entries) => {
                let mut dict = Dict::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = Key::new(self.value(key, frame)?)?;
                    dict.insert(key, self.value(value, frame)?);
                }
                self.held(Val::dict(dict))?
            }
            Kind::Chain(first, links) => {
                let mut value = self.value(first, frame)?;
                for link in links {
                    value = self.link(link, value, frame).map_err(|fault| fault.at(&self.template, link.at))?;
                }
                value
            }
            Kind::Not(inner) => Val::Bool(!self.value(inner, frame)?.truth()?),
            Kind::Negative(inner) => operate::negative(&self.value(inner, frame)?)?,
            Kind::Arithmetic(first, rest) => {
                let mut value = self.value(first, frame)?;
                for (at, op, right) in rest {
                    let right = self.value(right, frame)?;
                    let result = operate::arithmetic(*op, &value, &right).and_then(|result| self.held(result));
                    let result = result
                        .map_err(|fault| fault.at(&self.template, if rest.len() == 1 { expr.at } else { *at }))?;
                    self.release(right);
                    self.release(std::mem::replace(&mut value, result));
                }
                value
            }
            Kind::Concat(parts) => self.concat(parts, frame)?,
            Kind::And(parts) => self.first(parts, frame, false)?,
            Kind::Or(parts) => self.first(parts, frame, true)?,
            Kind::Compare(first, rest) => {
                let mut left = self.value(first, frame)?;
                for (comparison, right) in rest {
                    let right = self.value(right, frame)?;
                    if !self.compare(*comparison, &left, &right)? {
                        return Ok(Val::Bool(false));
                    }
                    left = right;
                }
                Val::Bool(true)
            }
            Kind::Choice(yes, test, no) => match (self.value(test, frame)?.truth()?, no) {
                (true, _) => self.value(yes, frame)?,
                (false, Some(no)) => self.value(no, frame)?,
                (false, None) => Val::Undefined(Rc::new(Missing {
                    what: Absent::Other(
                        "the inline if-expression evaluated to false and no else section was defined.".to_owned(),
                    ),
                    kind: MissingKind::Silent,
                })),
            },
        })
    }

    fn compare(&mut self, comparison: Comparison, left: &Val, right: &Val) -> Res<bool> {
        // `'cmd.run' in salt` asks for a function.
        if let (Comparison::In | Comparison::NotIn, Val::Str(name), Val::Object(object)) = (comparison, left, right)
            && matches!(**object, Object::Salt)
        {
            return Ok(self.scope.facts.caller().exists(name) == (comparison == Comparison::In));
        }
        compare(comparison, left, right)
    }

    /// The first value whose truth is `truth`, else the last.
    fn first(&mut self, parts: &[Expr], frame: &Rc<Frame>, truth: bool) -> Res {
        let mut value = Val::None;
        for (index, part) in parts.iter().enumerate() {
            value = self.value(part, frame)?;
            if index + 1 < parts.len() && value.truth()? == truth {
                break;
            }
        }
        Ok(value)
    }

    fn concat(&mut self, parts: &[Expr], frame: &Rc<Frame>) -> Res {
        let mut text = String::new();
        for part in parts {
            self.value(part, frame)?.print(&mut text)?;
            self.bounded(&text)?;
        }
        self.held(Val::str(text))
    }

    /// One link of a chain.
    pub(super) fn link(&mut self, link: &Link, value: Val, frame: &Rc<Frame>) -> Res {
        match &link.kind {
            LinkKind::Attribute(name) => attribute::attribute(self, &value, name),
            LinkKind::Item(key) => {
                let key = self.value(key, frame)?;
                attribute::item(self, &value, &key)
            }
            LinkKind::Slice(start, stop, step) => {
                let mut part = |part: &Option<Expr>| part.as_ref().map(|part| self.value(part, frame)).transpose();
                let (start, stop, step) = (part(start)?, part(stop)?, part(step)?);
                attribute::slice(&value, start, stop, step).and_then(|slice| self.held(slice))
            }
            LinkKind::Call(arguments) => {
                let arguments = self.arguments(arguments, frame)?;
                self.call(&value, arguments).and_then(|result| self.held(result))
            }
            LinkKind::Filter(apply) => self.filter(apply, value, frame).and_then(|result| self.held(result)),
            LinkKind::Test(test) => {
                let Some(code) = test.code else {
                    return Err(Fault::new(FaultKind::Syntax, format!("No test named '{}'.", test.name)));
                };
                let mut arguments = self.arguments(&test.arguments, frame)?;
                arguments.function = test.name.clone();
                code(self, &value, &mut arguments).map(Val::Bool)
            }
        }
    }

    /// A filter on a value.
    pub(super) fn filter(&mut self, apply: &Apply, value: Val, frame: &Rc<Frame>) -> Res {
        let Some(code) = apply.code else {
            let fault = Fault::new(FaultKind::Syntax, format!("No filter named '{}'.", apply.name));
            return Err(match super::super::filters::near(&apply.name) {
                Some(name) => fault.help(format!("did you mean '{name}'?")),
                None => fault,
            });
        };
        let mut arguments = self.arguments(&apply.arguments, frame)?;
        arguments.function = apply.name.clone();
        self.note(&apply.name);
        code(self, value, &mut arguments).map_err(|fault| fault.at(&self.template, apply.at))
    }

    /// A filter by name, as `map('upper')` calls it.
    pub(in crate::render::jinja) fn filter_named(&mut self, name: &str, value: Val, mut arguments: Arguments) -> Res {
        match super::super::filters::find(name) {
            Some(code) => {
                arguments.function = name.into();
                self.note(name);
                code(self, value, &mut arguments).and_then(|made| self.held(made))
            }
            None => Err(Fault::new(FaultKind::Syntax, format!("No filter named '{name}'."))),
        }
    }

    /// Tells whoever renders of a filter that draws lots.
    fn note(&self, filter: &str) {
        if super::super::filters::draws_lots(filter) {
            self.scope.facts.volatile();
        }
    }
}

impl Const {
    fn value(&self) -> Val {
        match self {
            Self::None => Val::None,
            Self::Bool(truth) => Val::Bool(*truth),
            Self::Int(number) => Val::Int(*number),
            Self::Big(number) => Val::integer(number.clone()),
            Self::Float(number) => Val::Float(*number),
            Self::Str(text) => Val::Str(text.clone()),
        }
    }
}

pub(in super::super) fn compare(comparison: Comparison, left: &Val, right: &Val) -> Res<bool> {
    for side in [left, right] {
        if let Val::Undefined(missing) = side {
            return Err(Fault::missing(missing));
        }
    }
    Ok(match comparison {
        Comparison::Equal => left.equal(right).ok_or_else(size::incomparable)?,
        Comparison::Unequal => !left.equal(right).ok_or_else(size::incomparable)?,
        Comparison::Less => left.order(right, "<")?.is_lt(),
        Comparison::LessOrEqual => left.order(right, "<=")?.is_le(),
        Comparison::Greater => left.order(right, ">")?.is_gt(),
        Comparison::GreaterOrEqual => left.order(right, ">=")?.is_ge(),
        Comparison::In => right.contains(left)?,
        Comparison::NotIn => !right.contains(left)?,
    })
}
