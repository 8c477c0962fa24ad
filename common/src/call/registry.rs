//! The functions a program has, by name.

use std::collections::{BTreeMap, BTreeSet};

use super::{ArgRow, CallError, Code, Effect, Facts, Function, Module, unbuilt};
use crate::diag::nearest;

/// Functions without effect on a machine get [`Facts`] only; nothing that changes things can be declared in such a module.
pub type PureModule = Module<dyn Facts, std::convert::Infallible>;

/// What a table row says about a function, whoever provides it.
#[derive(Clone, Copy)]
pub struct Row {
    /// `module` part.
    pub module: &'static str,
    /// `function` part.
    pub name: &'static str,
    /// Whether it changes the machine.
    pub effect: Effect,
    /// Whether it may run inside the daemon.
    pub quick: bool,
    /// Its documentation.
    pub doc: &'static str,
    /// A call as typed.
    pub example: &'static str,
    /// Its arguments.
    pub args: &'static [ArgRow],
}

/// A function of a registry: one without effect, shared by all programs, or the program's own.
pub enum Entry<R: ?Sized + 'static, W: ?Sized + 'static> {
    /// From `common::functions`.
    Pure(&'static Function<dyn Facts, std::convert::Infallible>),
    /// From the program's own modules.
    Own(&'static Function<R, W>),
}

impl<R: ?Sized, W: ?Sized> Clone for Entry<R, W> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R: ?Sized, W: ?Sized> Copy for Entry<R, W> {}

/// All functions of a program under `module.function`. Order of registration never matters.
pub struct Registry<R: ?Sized + 'static, W: ?Sized + 'static> {
    entries: BTreeMap<(&'static str, &'static str), Entry<R, W>>,
    docs: BTreeMap<&'static str, &'static str>,
    /// Modules that are there but switched off.
    off: BTreeSet<&'static str>,
}

impl<R: ?Sized, W: ?Sized> Registry<R, W> {
    /// Fills a registry. A pure and an own module may share a name; a function twice is a defect that panics at start.
    pub fn new(pure: &[&'static PureModule], own: &[&'static Module<R, W>]) -> Self {
        let mut entries = BTreeMap::new();
        let mut docs = BTreeMap::new();
        for module in pure {
            docs.insert(module.name, module.doc);
            for function in module.functions {
                let former = entries.insert((module.name, function.name), Entry::Pure(function));
                assert!(former.is_none(), "{}.{} is declared twice", module.name, function.name);
            }
        }
        for module in own {
            docs.insert(module.name, module.doc);
            for function in module.functions {
                let former = entries.insert((module.name, function.name), Entry::Own(function));
                assert!(former.is_none(), "{}.{} is declared twice", module.name, function.name);
            }
        }
        Self { entries, docs, off: BTreeSet::new() }
    }

    /// The functions of those modules that `keep` names; of the others only their names are known.
    #[must_use]
    pub fn narrowed(&self, keep: impl Fn(&str) -> bool) -> Self {
        let off = self.docs.keys().copied().filter(|module| !keep(module)).chain(self.off.iter().copied()).collect();
        Self {
            entries: self.entries.iter().filter(|((m, _), _)| keep(m)).map(|(key, entry)| (*key, *entry)).collect(),
            docs: self.docs.iter().filter(|(m, _)| keep(m)).map(|(name, doc)| (*name, *doc)).collect(),
            off,
        }
    }

    /// The function, or an error that names it and the nearest known one.
    pub fn find(&self, name: &str) -> Result<Entry<R, W>, CallError> {
        name.split_once('.').and_then(|key| self.lookup(key)).ok_or_else(|| self.unknown(name))
    }

    fn lookup(&self, (module, function): (&str, &str)) -> Option<Entry<R, W>> {
        // The key type is 'static; a range look-up by value avoids leaking or allocating.
        self.entries
            .range::<(&str, &str), _>((std::ops::Bound::Included((module, function)), std::ops::Bound::Unbounded))
            .next()
            .filter(|((m, f), _)| *m == module && *f == function)
            .map(|(_, entry)| *entry)
    }

    fn unknown(&self, name: &str) -> CallError {
        if let Some((module, _)) = name.split_once('.').filter(|(module, _)| self.off.contains(module)) {
            return CallError::Invocation(format!(
                "'{name}' is switched off: the module '{module}' is in disable_modules, or not in whitelist_modules"
            ));
        }
        if unbuilt::is_unbuilt(name) {
            return CallError::Unsupported(format!("the function '{name}'"));
        }
        let known: Vec<String> = self.names();
        let suggestion = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        CallError::Unknown { function: name.to_owned(), suggestion }
    }

    /// All names, `module.function`, sorted.
    pub fn names(&self) -> Vec<String> {
        self.entries.keys().map(|(module, function)| format!("{module}.{function}")).collect()
    }

    /// All rows, sorted by name.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        self.entries.iter().map(|((module, _), entry)| row(module, *entry))
    }

    /// The row of one function.
    pub fn row(&self, name: &str) -> Option<Row> {
        let key = name.split_once('.')?;
        let entry = self.lookup(key)?;
        self.docs.get_key_value(key.0).map(|(module, _)| row(module, entry))
    }

    /// Modules and what they are for, sorted.
    pub fn modules(&self) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
        self.docs.iter().map(|(name, doc)| (*name, *doc))
    }
}

fn row<R: ?Sized, W: ?Sized>(module: &'static str, entry: Entry<R, W>) -> Row {
    match entry {
        Entry::Pure(f) => Row {
            module,
            name: f.name,
            effect: match f.code {
                Code::Reads(_) => Effect::None,
                Code::Changes(_) => Effect::Changes,
            },
            quick: f.quick,
            doc: f.doc,
            example: f.example,
            args: f.args,
        },
        Entry::Own(f) => Row {
            module,
            name: f.name,
            effect: f.effect(),
            quick: f.quick,
            doc: f.doc,
            example: f.example,
            args: f.args,
        },
    }
}
