//! `listen` and `listen_in`: which chunks react at the end of a run.

use std::collections::HashSet;

use super::chunk::{Chunk, tag};
use super::graph::Index;
use super::result::{ChunkResult, Outcome};
use crate::value::Value;
use crate::value::python::str_;

/// Who listens: a chunk itself (`listen`), or those that another chunk names (`listen_in`).
enum Listener {
    Chunk(usize),
    Named { state: String, name: String },
}

/// Positions of the chunks that react, in order and maybe twice, and errors for names that nothing has.
pub(super) fn listeners(chunks: &[Chunk], done: &[Option<ChunkResult>]) -> (Vec<usize>, Vec<ChunkResult>) {
    if !chunks.iter().any(|chunk| chunk.data.contains("listen") || chunk.data.contains("listen_in")) {
        return (Vec::new(), Vec::new());
    }
    let search = Search { index: Index::of(chunks), chunks, done };
    let mut fired = Vec::new();
    let mut errors = Errors::default();
    for (position, chunk) in chunks.iter().enumerate() {
        for item in items(chunk.get("listen")) {
            for (state, name) in search.targets(item) {
                search.listen(Listener::Chunk(position), &state, &name, &mut fired, &mut errors);
            }
        }
        for item in items(chunk.get("listen_in")) {
            let Value::Map(map) = item else { continue };
            for (state, name) in map {
                let listener = Listener::Named { state: str_(state), name: str_(name) };
                search.listen(listener, &chunk.state, &chunk.id, &mut fired, &mut errors);
            }
        }
    }
    (fired, errors.results)
}

fn items(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::List(items)) => items,
        Some(one @ (Value::Str(_) | Value::Map(_))) => std::slice::from_ref(one),
        _ => &[],
    }
}

struct Search<'c> {
    index: Index<'c>,
    chunks: &'c [Chunk],
    done: &'c [Option<ChunkResult>],
}

impl Search<'_> {
    /// State and name of what one entry of `listen` names; a word alone is an ID or name.
    fn targets(&self, item: &Value) -> Vec<(String, String)> {
        match item {
            Value::Map(map) => map.iter().map(|(state, name)| (str_(state), str_(name))).collect(),
            word => match self.index.exact(&str_(word)).last() {
                Some(&last) => vec![(self.chunks[last].state.clone(), self.chunks[last].id.clone())],
                None => Vec::new(),
            },
        }
    }

    fn find(&self, state: &str, name: &str) -> Vec<usize> {
        let exact = self.index.exact(name).iter().copied();
        exact.filter(|position| self.chunks[*position].state == state).collect()
    }

    fn listen(&self, listener: Listener, state: &str, name: &str, fired: &mut Vec<usize>, errors: &mut Errors) {
        let targets = self.find(state, name);
        if targets.is_empty() {
            errors.add(state, name);
            return;
        }
        let changed =
            |position: &usize| self.done[*position].as_ref().is_some_and(|result| !result.outcome.changes.is_empty());
        if !targets.iter().any(changed) {
            return;
        }
        match listener {
            Listener::Chunk(position) => fired.push(position),
            Listener::Named { state, name } => {
                let listening = self.find(&state, &name);
                if listening.is_empty() {
                    errors.add(&state, &name);
                }
                fired.extend(listening);
            }
        }
    }
}

#[derive(Default)]
struct Errors {
    known: HashSet<String>,
    results: Vec<ChunkResult>,
}

impl Errors {
    fn add(&mut self, state: &str, name: &str) {
        let id = format!("listen_{name}");
        let tag = tag("Listen_Error", &id, &format!("listen_{state}"), "Listen_Error");
        if self.known.insert(tag.clone()) {
            let outcome = Outcome::failed(format!("Referenced state {state}: {name} does not exist"));
            let name = format!("listen_{state}:{name}");
            self.results.push(ChunkResult { tag, id, name, sls: None, run_num: 0, ran: true, outcome });
        }
    }
}
