//! From events to nodes: anchors, aliases, tags, one document, and the limits.
//!
//! What an alias expands to is counted here, before anything is built: a document that would grow
//! beyond the limits is refused at the size it was written in.

use std::collections::HashMap;

use super::error::{Fault, brief};
use super::events::{Event, Events, Properties};
use super::marks::Mark;
use super::node::{Content, Node, NodeId, Tag, Tree};
use super::resolve;

/// How deep lists and mappings may be nested.
const DEPTH: u32 = 64;
/// How many nodes a text may write.
const NODES: usize = 4_000_000;
/// How many nodes, and bytes of text, a document with aliases may expand to.
const EXPANDED_NODES: u64 = 1_000_000;
const EXPANDED_BYTES: u64 = 16 << 20;

/// How many `%TAG` directives a text may have: the parser compares each with all before.
const DIRECTIVES: usize = 1000;

/// Reads the one document of a text.
pub(super) fn compose(text: &str) -> Result<Tree, Fault> {
    if text.matches("%TAG").nth(DIRECTIVES).is_some() {
        return Err(Fault::composer(format!("more than {DIRECTIVES} %TAG directives"), Mark { line: 1, column: 1 }));
    }
    let mut composer =
        Composer { events: Events::new(text), tree: Tree::default(), sizes: Vec::new(), anchors: HashMap::new() };
    composer.events.next()?;
    if let (Event::DocumentStart, _) = composer.events.next()? {
        let (event, mark) = composer.events.next()?;
        let root = composer.node(event, mark, 1)?;
        composer.tree.root = Some(root);
        composer.events.next()?;
        if let (Event::DocumentStart, mark) = composer.events.next()? {
            return Err(Fault::composer("expected a single document in the stream, but found another document", mark)
                .help("a file holds one document: remove the second '---'"));
        }
    }
    Ok(composer.tree)
}

struct Composer<'t> {
    events: Events<'t>,
    tree: Tree,
    /// What each node expands to, aliases followed.
    sizes: Vec<Size>,
    /// Named nodes; `None` while one is still being read.
    anchors: HashMap<String, (Option<NodeId>, Mark)>,
}

/// What a node expands to.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: u64,
    bytes: u64,
    depth: u32,
}

impl Size {
    fn add(&mut self, child: Self) {
        self.nodes = self.nodes.saturating_add(child.nodes);
        self.bytes = self.bytes.saturating_add(child.bytes);
        self.depth = self.depth.max(child.depth + 1);
    }
}

impl Composer<'_> {
    fn node(&mut self, event: Event, mark: Mark, depth: u32) -> Result<NodeId, Fault> {
        if depth > DEPTH {
            return Err(Fault::composer(format!("nested deeper than {DEPTH} levels"), mark));
        }
        match event {
            Event::Alias(name) => self.alias(&name, mark),
            Event::Scalar(scalar) => {
                let tag = match resolve::written(scalar.properties.tag.as_deref()) {
                    Some(tag) => tag,
                    None if scalar.plain => resolve::plain(&scalar.text),
                    None => Tag::Str,
                };
                let size = Size { nodes: 1, bytes: scalar.text.len() as u64, depth: 0 };
                self.open(&scalar.properties, mark)?;
                self.close(scalar.properties, Node { tag, mark, content: Content::Scalar(scalar.text) }, size)
            }
            Event::SequenceStart(properties) => {
                self.open(&properties, mark)?;
                self.sequence(properties, mark, depth)
            }
            Event::MappingStart(properties) => {
                self.open(&properties, mark)?;
                self.mapping(properties, mark, depth)
            }
            _ => Err(Fault::composer("a value was expected", mark)),
        }
    }

    fn sequence(&mut self, properties: Properties, mark: Mark, depth: u32) -> Result<NodeId, Fault> {
        let tag = resolve::written(properties.tag.as_deref()).unwrap_or(Tag::Seq);
        let mut size = Size { nodes: 1, ..Size::default() };
        let mut items = Vec::new();
        loop {
            let (event, at) = self.events.next()?;
            if let Event::SequenceEnd = event {
                return self.close(properties, Node { tag, mark, content: Content::List(items) }, size);
            }
            let item = self.node(event, at, depth + 1)?;
            self.grow(&mut size, item, at)?;
            items.push(item);
        }
    }

    fn mapping(&mut self, properties: Properties, mark: Mark, depth: u32) -> Result<NodeId, Fault> {
        let tag = resolve::written(properties.tag.as_deref()).unwrap_or(Tag::Map);
        let mut size = Size { nodes: 1, ..Size::default() };
        let mut entries = Vec::new();
        loop {
            let (event, at) = self.events.next()?;
            if let Event::MappingEnd = event {
                return self.close(properties, Node { tag, mark, content: Content::Map(entries) }, size);
            }
            let key = self.node(event, at, depth + 1)?;
            self.grow(&mut size, key, at)?;
            let (event, at) = self.events.next()?;
            let value = self.node(event, at, depth + 1)?;
            self.grow(&mut size, value, at)?;
            entries.push((key, value));
        }
    }

    /// Adds a child to its parent's size and refuses what grows too large.
    fn grow(&self, size: &mut Size, child: NodeId, mark: Mark) -> Result<(), Fault> {
        size.add(self.sizes[child as usize]);
        if size.depth > DEPTH {
            return Err(Fault::composer(format!("nested deeper than {DEPTH} levels through aliases"), mark));
        }
        if self.tree.shared && (size.nodes > EXPANDED_NODES || size.bytes > EXPANDED_BYTES) {
            return Err(Fault::composer("aliases expand to too much data", mark));
        }
        Ok(())
    }

    fn alias(&mut self, name: &str, mark: Mark) -> Result<NodeId, Fault> {
        let shown = brief(name);
        match self.anchors.get(name) {
            Some((Some(node), _)) => {
                self.tree.shared = true;
                Ok(*node)
            }
            Some((None, _)) => Err(Fault::composer(format!("alias '{shown}' is inside the value it names"), mark)),
            None => {
                let known = crate::diag::nearest(name, self.anchors.keys().map(String::as_str));
                let fault = Fault::composer(format!("found undefined alias '{shown}'"), mark);
                Err(match known {
                    Some(known) => fault.help(format!("did you mean '*{known}'?")),
                    None => fault.help(format!(
                        "anchors are set with '&{shown}' above their use; quote a text that starts with '*'"
                    )),
                })
            }
        }
    }

    /// Notes an anchor when its node begins.
    fn open(&mut self, properties: &Properties, mark: Mark) -> Result<(), Fault> {
        let Some(anchor) = &properties.anchor else { return Ok(()) };
        if let Some((_, first)) = self.anchors.insert(anchor.clone(), (None, mark)) {
            let shown = brief(anchor);
            let problem = format!("found duplicate anchor '{shown}'; first occurrence on line {}", first.line);
            return Err(Fault::composer(problem, mark));
        }
        Ok(())
    }

    /// Stores a finished node.
    fn close(&mut self, properties: Properties, node: Node, size: Size) -> Result<NodeId, Fault> {
        if self.tree.nodes.len() >= NODES {
            return Err(Fault::composer(format!("more than {NODES} values in one text"), node.mark));
        }
        let id = self.tree.push(node);
        self.sizes.push(size);
        if let Some(slot) = properties.anchor.and_then(|anchor| self.anchors.get_mut(&anchor)) {
            slot.0 = Some(id);
        }
        Ok(id)
    }
}
