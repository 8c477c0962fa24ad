//! Composed nodes: what was written, with tags resolved and aliases followed, before values are built.

use super::marks::Mark;

/// The place of a node in its [`Tree`].
pub(super) type NodeId = u32;

/// The type of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tag {
    Null,
    Bool,
    Int,
    Float,
    Str,
    Binary,
    Timestamp,
    /// A plain `<<`.
    Merge,
    /// A plain `=`.
    Default,
    Seq,
    Map,
    Set,
    Omap,
    Pairs,
    Other(String),
}

/// What a node holds.
#[derive(Debug)]
pub(super) enum Content {
    Scalar(String),
    List(Vec<NodeId>),
    Map(Vec<(NodeId, NodeId)>),
}

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    pub tag: Tag,
    pub mark: Mark,
    pub content: Content,
}

impl Node {
    /// The word for this kind of node in messages.
    pub fn kind(&self) -> &'static str {
        match self.content {
            Content::Scalar(_) => "scalar",
            Content::List(_) => "sequence",
            Content::Map(_) => "mapping",
        }
    }
}

/// All nodes of a document; children come before their parents, an alias is a second use of an id.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub nodes: Vec<Node>,
    pub root: Option<NodeId>,
    /// True when a node may be used more than once.
    pub shared: bool,
}

impl Tree {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize]
    }
    pub fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).expect("the limit of nodes is below 32 bits")
    }
}
