//! Dry runs: which predictions rest on changes that are only predicted themselves.
//!
//! A prediction is exact when nothing before it would change what it looks at. The walk knows one reason to doubt it:
//! a requisite (of any kind, however far back) that would change. The runner adds others that it sees (paths).

use super::chunk::Chunk;
use super::graph::{Graph, Group};
use super::result::ChunkResult;
use crate::value::Value;

/// The entry of a return that says why a prediction may turn out otherwise.
pub const PROVISIONAL: &str = "provisional";

/// What is known of groups of chunks; asked once for each chunk, in run order.
pub(super) struct Doubts {
    /// The first member that would change or is in doubt, once the group was looked at.
    groups: Vec<Option<Option<usize>>>,
}

impl Doubts {
    pub fn new(groups: usize) -> Self {
        Self { groups: vec![None; groups] }
    }

    /// Marks the result of a chunk that was predicted after something that would change.
    pub fn mark(
        &mut self,
        result: &mut ChunkResult,
        position: usize,
        chunks: &[Chunk],
        graph: &Graph,
        done: &[Option<ChunkResult>],
    ) {
        if result.outcome.extra.contains(PROVISIONAL) {
            return;
        }
        let doubtful = graph.edges[position].iter().find_map(|edge| self.doubtful(edge.group, graph, done));
        if let Some(other) = doubtful.filter(|other| *other != position) {
            let other = &chunks[other];
            let why = format!("{}: {} would change before it", other.state, other.id);
            result.outcome.extra.insert(PROVISIONAL, why);
        }
    }

    fn doubtful(&mut self, group: Group, graph: &Graph, done: &[Option<ChunkResult>]) -> Option<usize> {
        let members = &graph.groups[group];
        *self.groups[group].get_or_insert_with(|| {
            members.iter().copied().find(|member| done[*member].as_ref().is_some_and(is_doubtful))
        })
    }
}

/// True for a chunk that would do something (some say it without listing changes), or whose own prediction is in doubt.
fn is_doubtful(result: &ChunkResult) -> bool {
    result.outcome.result.is_none() || result.outcome.extra.get(PROVISIONAL).is_some_and(Value::truthy)
}
