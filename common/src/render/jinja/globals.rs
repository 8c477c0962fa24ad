//! Global names: `salt`, `grains`, `pillar`, `opts`, and Jinja's functions.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use indexmap::IndexMap;

use super::fault::{Fault, FaultKind, Res};
use super::interpret::{Arguments, Run};
use super::methods::dict::add_entries;
use super::object::{Dict, FunctionCode, Key, Object, Val};

const FUNCTIONS: &[(&str, FunctionCode)] = &[
    ("cycler", |_, arguments| {
        let items: Vec<Val> = arguments.positional.drain(..).collect();
        if items.is_empty() {
            return Err(Fault::error("at least one item has to be provided"));
        }
        Ok(Val::object(Object::Cycler(items, Cell::new(0))))
    }),
    ("dict", dict),
    ("joiner", |_, arguments| {
        let separator = arguments.text("sep", ", ")?;
        Ok(Val::object(Object::Joiner(separator.into(), Cell::new(false))))
    }),
    ("lipsum", |_, _| Err(Fault::error("lipsum is not supported"))),
    ("namespace", namespace),
    ("odict", dict),
    ("raise", |_, arguments| Err(Fault::new(FaultKind::Error, arguments.need("msg")?.text()?))),
    ("range", range),
    ("show_full_context", |run, _| {
        let mut names = Dict::new();
        for name in names_of(run) {
            if let Some(value) = run.global(&Arc::from(name.as_str())) {
                names.insert(Key::text(name), value);
            }
        }
        Ok(Val::dict(names))
    }),
];

const FACTS: &[&str] = &["salt", "grains", "pillar", "opts"];

/// All names of globals.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let variables = ["sls", "saltenv", "slspath", "tpldir", "tplfile", "tplroot", "tplpath", "slsdotpath"];
    FUNCTIONS.iter().map(|(name, _)| *name).chain(FACTS.iter().copied()).chain(variables)
}

fn names_of(run: &Run<'_>) -> Vec<String> {
    let mut all: Vec<String> = FACTS.iter().map(ToString::to_string).collect();
    all.extend(run.variables.all().into_iter().map(str::to_owned));
    all.extend(run.scope.context.keys().filter_map(|key| key.as_str().map(str::to_owned)));
    all.extend(FUNCTIONS.iter().map(|(name, _)| (*name).to_owned()));
    all
}

impl Run<'_> {
    /// A global, made when it is first asked for.
    pub(super) fn global(&mut self, name: &Arc<str>) -> Option<Val> {
        if let Some(known) = self.globals.get(name) {
            return Some(known.clone());
        }
        let facts = &self.scope.facts;
        let value = match &**name {
            "salt" => Val::object(Object::Salt),
            "self" => Val::object(Object::Blocks),
            "grains" => Val::from(&*facts.grains()),
            "pillar" => Val::from(&*facts.pillar()),
            "opts" => Val::from(&*facts.opts()),
            name => {
                let variable = self.variables.get(name);
                let variable = variable.or_else(|| self.scope.context.get(name).map(Val::from));
                let function = || {
                    let (name, code) = FUNCTIONS.iter().find(|(known, _)| *known == name)?;
                    Some(Val::object(Object::Function(name, *code)))
                };
                variable.or_else(function)?
            }
        };
        self.globals.insert(name.clone(), value.clone());
        Some(value)
    }
}

fn dict(_: &mut Run<'_>, arguments: &mut Arguments) -> Res {
    let mut entries = Dict::new();
    if let Some(from) = arguments.positional.pop_front() {
        add_entries(&from, &mut entries)?;
    }
    for (name, value) in arguments.named.drain(..) {
        entries.insert(Key::text(name), value);
    }
    arguments.finish()?;
    Ok(Val::dict(entries))
}

fn namespace(_: &mut Run<'_>, arguments: &mut Arguments) -> Res {
    let mut entries = Dict::new();
    if let Some(from) = arguments.positional.pop_front() {
        add_entries(&from, &mut entries)?;
    }
    let mut names: IndexMap<Arc<str>, Val> = IndexMap::new();
    for (key, value) in entries {
        names.insert(key.val().text()?.into(), value);
    }
    for (name, value) in arguments.named.drain(..) {
        names.insert(name, value);
    }
    Ok(Val::object(Object::Namespace(RefCell::new(names))))
}

fn range(_: &mut Run<'_>, arguments: &mut Arguments) -> Res {
    let mut numbers = Vec::new();
    while let Some(value) = arguments.positional.pop_front() {
        match value.as_int() {
            Some(number) => numbers.push(number),
            None => {
                let value = value.defined()?;
                let kind = value.type_name();
                return Err(Fault::error(format!("'{kind}' object cannot be interpreted as an integer"))
                    .help("convert text with the int filter: range(n | int)"));
            }
        }
    }
    let (start, stop, step) = match numbers.as_slice() {
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [start, stop, step] => (*start, *stop, *step),
        _ => return Err(Fault::error("range expected 1 to 3 arguments")),
    };
    if step == 0 {
        return Err(Fault::error("range() arg 3 must not be zero"));
    }
    if super::object::range_len(start, stop, step) > 100_000 {
        return Err(Fault::error("Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000)."));
    }
    Ok(Val::object(Object::Range(start, stop, step)))
}
