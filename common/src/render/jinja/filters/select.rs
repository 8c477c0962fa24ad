//! Filters that apply filters, tests or attributes to each item: map, select, reject and their kin.

use std::sync::Arc;

use super::super::attribute;
use super::super::fault::{Fault, FaultKind, Res};
use super::super::interpret::{Arguments, Run};
use super::super::object::Val;
use super::super::tests;
use super::Table;

/// The filters.
pub(super) const FILTERS: Table = &[
    ("attr", |run, value, arguments| {
        let name: Arc<str> = arguments.need_text("name")?.into();
        match &value {
            // Only attributes count, not items.
            Val::Dict(_) if super::super::methods::find(&value, &name).is_none() && !name.starts_with("__") => {
                Ok(Val::missing(super::super::object::Absent::Attribute(value.clone(), name)))
            }
            _ => attribute::attribute(run, &value, &name),
        }
    }),
    ("map", map),
    ("reject", |run, value, arguments| select(run, &value, arguments, false, false)),
    ("rejectattr", |run, value, arguments| select(run, &value, arguments, false, true)),
    ("select", |run, value, arguments| select(run, &value, arguments, true, false)),
    ("selectattr", |run, value, arguments| select(run, &value, arguments, true, true)),
];

/// A path of attributes, as `attribute='a.b.0'` names it.
pub(super) struct Attribute(Vec<Val>);

impl Attribute {
    /// Parses a path; a number stands for itself.
    pub fn new(path: &Val) -> Self {
        match path {
            Val::Str(text) => Self(
                text.split('.').map(|part| part.parse::<i64>().map_or_else(|_| Val::str(part), Val::Int)).collect(),
            ),
            other => Self(vec![other.clone()]),
        }
    }

    /// The value at the path.
    pub fn get(&self, run: &mut Run<'_>, item: &Val) -> Res {
        let mut value = item.clone();
        for part in &self.0 {
            value = attribute::item(run, &value, part)?;
        }
        Ok(value)
    }
}

fn map(run: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let mut out = Vec::new();
    let items = value.items()?;
    run.spend(items.len())?;
    if arguments.positional.is_empty() {
        let Some(path) = arguments.named("attribute") else {
            return Err(Fault::error("map requires a filter argument"));
        };
        let default = arguments.named("default");
        arguments.finish()?;
        let path = Attribute::new(&path);
        for item in items {
            let found = path.get(run, &item)?;
            out.push(if found.is_undefined() { default.clone().unwrap_or(found) } else { found });
        }
    } else {
        let name = arguments.need_text("filter")?;
        for item in items {
            let call = Arguments {
                function: Arc::from(name.as_str()),
                positional: arguments.positional.clone(),
                named: arguments.named.clone(),
            };
            out.push(run.filter_named(&name, item, call)?);
        }
    }
    Ok(Val::generator("generator object sync_do_map", out))
}

fn select(run: &mut Run<'_>, value: &Val, arguments: &mut Arguments, keep: bool, by_attribute: bool) -> Res {
    let path = if by_attribute {
        match arguments.positional.pop_front() {
            Some(path) => Some(Attribute::new(&path)),
            None => return Err(Fault::error("Missing parameter for attribute name")),
        }
    } else {
        None
    };
    let test = match arguments.positional.pop_front() {
        None => None,
        Some(name) => {
            let name = name.text()?;
            let unknown = || Fault::new(FaultKind::Syntax, format!("No test named '{name}'."));
            Some(tests::find(&name).ok_or_else(unknown)?)
        }
    };
    let items = value.items()?;
    run.spend(items.len())?;
    let mut out = Vec::new();
    for item in items {
        let subject = match &path {
            Some(path) => path.get(run, &item)?,
            None => item.clone(),
        };
        let fits = match test {
            Some(test) => {
                let mut call = Arguments {
                    function: "test".into(),
                    positional: arguments.positional.clone(),
                    named: arguments.named.clone(),
                };
                test(run, &subject, &mut call)?
            }
            None => subject.truth()?,
        };
        if fits == keep {
            out.push(item);
        }
    }
    Ok(Val::generator("generator object select_or_reject", out))
}
