//! High data: declarations by ID, with their places, before they become chunks.

use std::sync::Arc;

use indexmap::IndexMap;

use super::fault::Spot;
use crate::value::{Map, Value};

/// Where a declaration belongs: SLS and environment; both missing for data that was handed in by a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Home {
    /// The SLS name.
    pub sls: Option<Arc<str>>,
    /// The environment.
    pub env: Option<Arc<str>>,
}

impl Home {
    /// The SLS name as messages show it.
    pub fn sls_text(&self) -> String {
        self.sls.as_deref().unwrap_or("None").to_owned()
    }
    /// The environment as messages show it.
    pub fn env_text(&self) -> String {
        self.env.as_deref().unwrap_or("base").to_owned()
    }
}

/// High data: what all SLS files of a run declare together.
#[derive(Debug, Clone, Default)]
pub struct High {
    /// Declarations by ID, in the order in which they were met.
    pub declarations: IndexMap<String, Declaration>,
    /// `extend:` sections, in order.
    pub extensions: Vec<Declaration>,
    /// `exclude:` entries, in order.
    pub excludes: Vec<Exclude>,
}

/// One entry of `exclude:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exclude {
    /// A declaration's ID.
    Id(String),
    /// All declarations of the SLS files that match this pattern.
    Sls(String),
    /// The same, written as a word alone.
    Word(String),
}

/// Everything under one ID.
#[derive(Debug, Clone)]
pub struct Declaration {
    /// The ID, as text.
    pub id: String,
    /// The kind of the ID when it is no text (`int`, `bool`, …), as the reference names it.
    pub wrong_kind: Option<&'static str>,
    /// Where it was declared.
    pub home: Home,
    /// The SLS files that included it, nearest first.
    pub included_from: Vec<Arc<str>>,
    /// Place of the ID.
    pub spot: Spot,
    /// What is under it.
    pub body: Body,
}

/// What is under an ID.
#[derive(Debug, Clone)]
pub enum Body {
    /// State modules, in order.
    States(Vec<StateDeclaration>),
    /// Something that is no mapping.
    Other(Value),
}

/// One state module under an ID.
#[derive(Debug, Clone)]
pub struct StateDeclaration {
    /// The state module (`file`).
    pub state: String,
    /// Place of its key.
    pub spot: Spot,
    /// Function and arguments.
    pub arguments: Arguments,
}

/// What is under a state module.
#[derive(Debug, Clone)]
pub enum Arguments {
    /// Functions (text) and options (mappings), in order.
    List(Vec<Argument>),
    /// Something that is no list.
    Other(Value),
}

/// One item under a state module.
#[derive(Debug, Clone)]
pub struct Argument {
    /// Text (the function), a mapping (options), or something that is ignored.
    pub value: Value,
    /// Its place.
    pub spot: Spot,
}

impl Argument {
    /// The first option of a mapping: requisites and names are recognised by it.
    pub fn option(&self) -> Option<(&str, &Value)> {
        let (key, value) = self.value.as_map()?.get_index(0)?;
        Some((key.as_str()?, value))
    }
}

impl Declaration {
    /// The state modules; none when the body is no mapping.
    pub fn states(&self) -> &[StateDeclaration] {
        if let Body::States(states) = &self.body { states } else { &[] }
    }
    /// The state modules, mutable.
    pub fn states_mut(&mut self) -> Option<&mut Vec<StateDeclaration>> {
        if let Body::States(states) = &mut self.body { Some(states) } else { None }
    }
    /// A state module by name.
    pub fn state(&self, state: &str) -> Option<&StateDeclaration> {
        self.states().iter().find(|declared| declared.state == state)
    }
}

impl StateDeclaration {
    /// The items; none when they are no list.
    pub fn items(&self) -> &[Argument] {
        if let Arguments::List(items) = &self.arguments { items } else { &[] }
    }
    /// The value of `name`, if it is text.
    pub fn name(&self) -> Option<&str> {
        self.items().iter().filter_map(Argument::option).find(|(key, _)| *key == "name")?.1.as_str()
    }
}

impl High {
    /// Excludes what a call asks for (`exclude=`): SLS names (`a,b` or a list) or mappings with `id` or `sls`.
    pub fn exclude(&mut self, wanted: &Value) {
        let items = match wanted {
            Value::Str(names) => names.split(',').map(|name| Value::from(name.trim())).collect(),
            Value::List(items) => items.clone(),
            _ => Vec::new(),
        };
        self.excludes.extend(items.into_iter().filter_map(super::sls::exclude));
    }

    /// The data as the reference shows it (`state.show_highstate`, `state.show_sls`).
    pub fn to_value(&self) -> Value {
        let mut high = Map::with_capacity(self.declarations.len());
        for declaration in self.declarations.values() {
            high.insert(declaration.id.as_str(), declaration.to_value());
        }
        if !self.extensions.is_empty() {
            let extensions = self
                .extensions
                .iter()
                .map(|extension| Value::Map(Map::from_iter([(extension.id.as_str(), extension.to_value())])));
            high.insert("__extend__", Value::List(extensions.collect()));
        }
        if !self.excludes.is_empty() {
            let excludes = self.excludes.iter().map(|exclude| match exclude {
                Exclude::Id(id) => Value::Map(Map::from_iter([("id", id.as_str())])),
                Exclude::Sls(sls) => Value::Map(Map::from_iter([("sls", sls.as_str())])),
                Exclude::Word(sls) => Value::from(sls.as_str()),
            });
            high.insert("__exclude__", Value::List(excludes.collect()));
        }
        Value::Map(high)
    }
}

impl Declaration {
    fn to_value(&self) -> Value {
        let states = match &self.body {
            Body::States(states) => states,
            Body::Other(value) => return value.clone(),
        };
        let mut body = Map::with_capacity(states.len() + 2);
        for state in states {
            let items = match &state.arguments {
                Arguments::List(items) => Value::List(items.iter().map(|item| item.value.clone()).collect()),
                Arguments::Other(value) => value.clone(),
            };
            body.insert(state.state.as_str(), items);
        }
        for (key, value) in [("__sls__", &self.home.sls), ("__env__", &self.home.env)] {
            if let Some(value) = value {
                body.insert(key, &**value);
            }
        }
        if !self.included_from.is_empty() {
            let from = self.included_from.iter().map(|sls| Value::from(&**sls)).collect();
            body.insert("__sls_included_from__", Value::List(from));
        }
        Value::Map(body)
    }
}
