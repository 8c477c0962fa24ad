//! Requisites between chunks, resolved once: who waits for whom, and why.

use std::collections::HashMap;

use super::chunk::Chunk;
use super::requisite::Keyword;
use crate::target::glob;
use crate::value::Value;
use crate::value::python::str_;

/// The requisites a run obeys, in the order in which it looks at them.
pub(super) const KEYWORDS: &[(&str, Keyword)] = &[
    ("require", Keyword::Require),
    ("require_any", Keyword::RequireAny),
    ("watch", Keyword::Watch),
    ("watch_any", Keyword::WatchAny),
    ("prereq", Keyword::Prereq),
    ("onfail", Keyword::Onfail),
    ("onfail_any", Keyword::OnfailAny),
    ("onfail_all", Keyword::OnfailAll),
    ("onchanges", Keyword::Onchanges),
    ("onchanges_any", Keyword::OnchangesAny),
    ("prerequired", Keyword::Prerequired),
];

/// Chunks that one requisite names. Shared by all who name the same.
pub(super) type Group = usize;

/// One requisite of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub keyword: Keyword,
    pub group: Group,
}

/// A requisite that names nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    pub keyword: &'static str,
    pub kind: String,
    pub name: String,
}

/// The resolved requisites of all chunks.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Members of each group, in run order.
    pub groups: Vec<Vec<usize>>,
    /// Requisites of each chunk, by keyword in the order of [`KEYWORDS`].
    pub edges: Vec<Vec<Edge>>,
    /// Requisites of each chunk that name nothing.
    pub missing: HashMap<usize, Vec<Missing>>,
}

impl Graph {
    /// Resolves all requisites. A `watch` is a `require` where `has_mod_watch` says no.
    pub fn build(chunks: &[Chunk], has_mod_watch: &dyn Fn(&str) -> bool) -> Self {
        let mut builder = Builder { index: Index::of(chunks), chunks, known: HashMap::new(), graph: Self::default() };
        let mut watchable: HashMap<&str, bool> = HashMap::new();
        for (position, chunk) in chunks.iter().enumerate() {
            let watchable = *watchable.entry(&chunk.state).or_insert_with(|| has_mod_watch(&chunk.state));
            builder.chunk(position, chunk, watchable);
        }
        builder.graph
    }
}

/// Kind and name of the requisites written under one keyword; of a mapping the first entry counts.
pub(super) fn written(value: &Value) -> Vec<(String, String)> {
    let one = |item: &Value| match item {
        Value::Map(map) => map.get_index(0).map(|(kind, name)| (str_(kind), str_(name))),
        other => Some(("id".to_owned(), str_(other))),
    };
    match value {
        Value::List(items) => items.iter().filter_map(one).collect(),
        Value::Null => Vec::new(),
        other => one(other).into_iter().collect(),
    }
}

struct Builder<'c> {
    index: Index<'c>,
    chunks: &'c [Chunk],
    known: HashMap<(String, String), Option<Group>>,
    graph: Graph,
}

impl Builder<'_> {
    fn chunk(&mut self, position: usize, chunk: &Chunk, watchable: bool) {
        let mut edges = Vec::new();
        for (word, keyword) in KEYWORDS {
            let Some(value) = chunk.data.get(word) else { continue };
            let (word, keyword) = match keyword {
                Keyword::Watch if !watchable => ("require", Keyword::Require),
                Keyword::WatchAny if !watchable => ("require_any", Keyword::RequireAny),
                keyword => (*word, *keyword),
            };
            for (kind, name) in written(value) {
                match self.group(&kind, &name) {
                    Some(group) => edges.push(Edge { keyword, group }),
                    None => self.graph.missing.entry(position).or_default().push(Missing { keyword: word, kind, name }),
                }
            }
        }
        if !watchable {
            edges.sort_by_key(|edge| KEYWORDS.iter().position(|(_, keyword)| *keyword == edge.keyword));
        }
        self.graph.edges.push(edges);
    }

    fn group(&mut self, kind: &str, name: &str) -> Option<Group> {
        let key = (kind.to_owned(), name.to_owned());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let members = self.index.find(self.chunks, kind, name);
        let group = if members.is_empty() {
            None
        } else {
            self.graph.groups.push(members);
            Some(self.graph.groups.len() - 1)
        };
        self.known.insert(key, group);
        group
    }
}

/// Chunks by ID, name and SLS.
pub(super) struct Index<'c> {
    named: HashMap<&'c str, Vec<usize>>,
    by_sls: HashMap<&'c str, Vec<usize>>,
}

impl<'c> Index<'c> {
    pub fn of(chunks: &'c [Chunk]) -> Self {
        let mut index = Self { named: HashMap::new(), by_sls: HashMap::new() };
        for (position, chunk) in chunks.iter().enumerate() {
            index.named.entry(&chunk.id).or_default().push(position);
            if chunk.name != chunk.id {
                index.named.entry(&chunk.name).or_default().push(position);
            }
            if let Some(sls) = &chunk.sls {
                index.by_sls.entry(sls).or_default().push(position);
            }
        }
        index
    }

    /// Positions of the chunks with this ID or name, exactly.
    pub fn exact(&self, name: &str) -> &[usize] {
        self.named.get(name).map_or(&[], Vec::as_slice)
    }

    /// Positions of the chunks that a requisite names: `sls: pattern`, `id: pattern` or `state: pattern`.
    fn find(&self, chunks: &[Chunk], kind: &str, name: &str) -> Vec<usize> {
        let mut found: Vec<usize> = if kind == "sls" {
            let matching = self.by_sls.iter().filter(|(sls, _)| glob::matches(name, sls) || **sls == name);
            matching.flat_map(|(_, positions)| positions.iter().copied()).collect()
        } else {
            let fits = |chunk: &Chunk| kind == "id" || chunk.state == kind;
            let mut found: Vec<usize> =
                self.exact(name).iter().copied().filter(|position| fits(&chunks[*position])).collect();
            if glob::is_pattern(name) {
                found.extend((0..chunks.len()).filter(|position| {
                    let chunk = &chunks[*position];
                    fits(chunk) && (glob::matches(name, &chunk.name) || glob::matches(name, &chunk.id))
                }));
            }
            found
        };
        found.sort_unstable();
        found.dedup();
        found
    }
}
