//! Pass 7: declarations to chunks: one for each function and name.

use std::collections::HashSet;

use super::chunk::{Chunk, Order};
use super::declaration::{Argument, Declaration, High, StateDeclaration};
use crate::value::python::str_;
use crate::value::{Map, Value};
use crate::yaml::Mark;

/// A chunk before it is ordered.
pub(super) struct Unordered {
    pub chunk: Chunk,
    /// `order` as it was declared.
    pub order: Option<Value>,
    /// Position among `names`, from 1; 0 without names.
    pub position: usize,
}

/// All chunks, in the order of the declarations. The high data must have passed the checks.
pub(super) fn lower(high: &High) -> Vec<Unordered> {
    let mut chunks = Vec::with_capacity(high.declarations.len());
    for declaration in high.declarations.values() {
        for state in declaration.states() {
            lower_state(declaration, state, &mut chunks);
        }
    }
    chunks
}

fn lower_state(declaration: &Declaration, state: &StateDeclaration, chunks: &mut Vec<Unordered>) {
    let mut common = Draft::default();
    let mut functions: Vec<&str> = Vec::new();
    let mut names: Vec<&Value> = Vec::new();
    let mut seen: HashSet<Value> = HashSet::new();
    for argument in state.items() {
        match &argument.value {
            Value::Str(function) if !functions.contains(&function.as_str()) => functions.push(function),
            Value::Map(options) => {
                for (key, value) in options {
                    match (key.as_str(), value) {
                        (Some("names"), Value::List(entries)) => {
                            names.extend(entries.iter().filter(|entry| seen.insert((*entry).clone())));
                        }
                        _ => common.set(key, value, mark(argument)),
                    }
                }
            }
            _ => {}
        }
    }
    for function in functions {
        let mut push = |draft: Draft, position: usize| {
            chunks.push(Unordered {
                chunk: Chunk {
                    state: draft.state.unwrap_or_else(|| state.state.clone()),
                    fun: function.to_owned(),
                    id: declaration.id.clone(),
                    name: draft.name.unwrap_or_else(|| declaration.id.clone()),
                    sls: declaration.home.sls.clone(),
                    env: declaration.home.env.clone(),
                    included_from: declaration.included_from.clone(),
                    order: Order(Value::Null),
                    data: draft.data,
                    marks: draft.marks,
                    spot: state.spot.clone(),
                },
                order: draft.order,
                position,
            });
        };
        if names.is_empty() {
            push(common.clone(), 0);
        }
        for (index, entry) in names.iter().enumerate() {
            push(common.named(entry), index + 1);
        }
    }
}

fn mark(argument: &Argument) -> Mark {
    Mark { line: argument.spot.line, column: argument.spot.column }
}

/// What the arguments of a declaration say together.
#[derive(Clone, Default)]
struct Draft {
    /// Set by entries of `names` only.
    state: Option<String>,
    name: Option<String>,
    order: Option<Value>,
    data: Map,
    marks: Vec<Mark>,
}

impl Draft {
    fn set(&mut self, key: &Value, value: &Value, mark: Mark) {
        match (key.as_str(), value) {
            // The declaration alone says what runs.
            (Some("state" | "fun"), _) => {}
            (Some("name"), Value::Str(name)) => self.name = Some(name.clone()),
            // A name that is no text is ignored and the ID stands, as in the reference.
            (Some("name"), _) => self.name = None,
            (Some("order"), _) => self.order = Some(value.clone()),
            _ => {
                if self.data.insert(key.clone(), value.clone()).is_none() {
                    self.marks.push(mark);
                }
            }
        }
    }

    /// The draft for one entry of `names`: a name, or a name with options of its own.
    fn named(&self, entry: &Value) -> Self {
        let mut draft = self.clone();
        match entry {
            Value::Map(map) => {
                let Some((name, overrides)) = map.get_index(0) else { return draft };
                draft.name = Some(str_(name));
                for (key, value) in overrides.as_list().into_iter().flatten().filter_map(Value::as_map).flatten() {
                    match (key.as_str(), value) {
                        (Some("state"), Value::Str(state)) => draft.state = Some(state.clone()),
                        _ => draft.set(key, value, Mark::default()),
                    }
                }
            }
            name => draft.name = Some(str_(name)),
        }
        draft
    }
}
