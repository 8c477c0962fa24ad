//! From nodes to values and their marks; duplicate keys are refused here, with both places.

use super::error::{Fault, brief};
use super::marks::{Mark, Marks};
use super::merge;
use super::node::{Content, Node, NodeId, Tag, Tree};
use super::scalar;
use crate::value::{Map, Value, python};

/// Builds the value of a document; an empty one is null.
pub(super) fn construct(mut tree: Tree) -> Result<(Value, Marks), Fault> {
    match tree.root {
        Some(root) => build(&mut tree, root),
        None => Ok((Value::Null, Marks::default())),
    }
}

fn build(tree: &mut Tree, id: NodeId) -> Result<(Value, Marks), Fault> {
    let node = tree.node(id);
    let mark = node.mark;
    match (&node.content, &node.tag) {
        (Content::Scalar(_), _) => {
            let value = build_scalar(tree, id)?;
            Ok((value, Marks::scalar(mark)))
        }
        (Content::List(_), Tag::Seq) => build_list(tree, id, mark),
        (Content::List(_), Tag::Pairs) => build_pairs(tree, id, mark),
        (Content::Map(_), Tag::Map | Tag::Omap) => build_map(tree, id, mark),
        (Content::Map(_), Tag::Set) => {
            let (map, marks) = build_map(tree, id, mark)?;
            let keys = map.as_map().into_iter().flat_map(Map::keys).cloned().collect();
            let marks = (0..).map_while(|index| marks.child(index).map(|_| Marks::scalar(marks.key(index))));
            Ok((keys, Marks::list(mark, marks.collect())))
        }
        (Content::Map(entries), _) => match default_entry(tree, entries) {
            // A mapping with a '=' key may stand for that scalar.
            Some(inner) if !matches!(node.tag, Tag::Other(_) | Tag::Seq | Tag::Pairs) => {
                let tag = node.tag.clone();
                let text = take_text(tree, inner);
                let value = scalar::build(&tag, text).map_err(|problem| Fault::constructor(problem, mark))?;
                Ok((value, Marks::scalar(mark)))
            }
            _ => Err(Fault::constructor(mismatch(node), mark)),
        },
        (Content::List(_), _) => Err(Fault::constructor(mismatch(node), mark)),
    }
}

/// The problem of a tag on the wrong kind of node.
fn mismatch(node: &Node) -> String {
    let expected = match &node.tag {
        Tag::Other(tag) => return scalar::undetermined(tag),
        Tag::Seq | Tag::Pairs => "sequence",
        Tag::Map | Tag::Set | Tag::Omap => "mapping",
        _ => "scalar",
    };
    format!("expected a {expected} node, but found {}", node.kind())
}

fn default_entry(tree: &Tree, entries: &[(NodeId, NodeId)]) -> Option<NodeId> {
    let entry = entries.iter().find(|(key, _)| tree.node(*key).tag == Tag::Default);
    entry.map(|(_, value)| *value).filter(|value| matches!(tree.node(*value).content, Content::Scalar(_)))
}

fn build_scalar(tree: &mut Tree, id: NodeId) -> Result<Value, Fault> {
    let text = take_text(tree, id);
    let node = tree.node(id);
    scalar::build(&node.tag, text).map_err(|problem| {
        let fault = Fault::constructor(problem, node.mark);
        match &node.tag {
            Tag::Merge | Tag::Default => fault.help("quote the text"),
            Tag::Other(tag) => fault.help(format!("quote the text if '{}' is not meant as a tag", brief(tag))),
            _ => fault,
        }
    })
}

/// The text of a scalar: moved out, unless another use may come.
fn take_text(tree: &mut Tree, id: NodeId) -> String {
    let shared = tree.shared;
    match &mut tree.node_mut(id).content {
        Content::Scalar(text) if shared => text.clone(),
        Content::Scalar(text) => std::mem::take(text),
        _ => String::new(),
    }
}

fn build_list(tree: &mut Tree, id: NodeId, mark: Mark) -> Result<(Value, Marks), Fault> {
    let items = children(tree, id);
    let (mut values, mut marks) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
    for item in items {
        let (value, inner) = build(tree, item)?;
        values.push(value);
        marks.push(inner);
    }
    Ok((Value::List(values), Marks::list(mark, marks)))
}

/// `!!pairs`: a list of mappings with one entry each becomes a list of pairs.
fn build_pairs(tree: &mut Tree, id: NodeId, mark: Mark) -> Result<(Value, Marks), Fault> {
    let (mut values, mut marks) = (Vec::new(), Vec::new());
    for item in children(tree, id) {
        let node = tree.node(item);
        let at = node.mark;
        let Content::Map(entries) = &node.content else {
            let problem = format!("expected a mapping of length 1, but found {}", node.kind());
            return Err(Fault::constructor(problem, at));
        };
        let [(key, value)] = entries[..] else {
            let problem = format!("expected a single mapping item, but found {} items", entries.len());
            return Err(Fault::constructor(problem, at));
        };
        let (key, key_marks) = build(tree, key)?;
        let (value, value_marks) = build(tree, value)?;
        values.push(Value::List(vec![key, value]));
        marks.push(Marks::list(at, vec![key_marks, value_marks]));
    }
    Ok((Value::List(values), Marks::list(mark, marks)))
}

fn build_map(tree: &mut Tree, id: NodeId, mark: Mark) -> Result<(Value, Marks), Fault> {
    merge::flatten(tree, id)?;
    let entries = match &mut tree.nodes[id as usize].content {
        Content::Map(entries) if tree.shared => entries.clone(),
        Content::Map(entries) => std::mem::take(entries),
        _ => Vec::new(),
    };
    let mut map = Map::with_capacity(entries.len());
    let mut marks: Vec<(Mark, Marks)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let key_mark = tree.node(key).mark;
        if !matches!(tree.node(key).content, Content::Scalar(_)) {
            let problem = format!("found unacceptable key: a {} can not be a key", tree.node(key).kind());
            return Err(Fault::constructor(problem, key_mark));
        }
        let key = build_scalar(tree, key)?;
        if map.get_value(&key).is_some() {
            let first = map.keys().position(|known| *known == key).and_then(|index| marks.get(index));
            return Err(conflict(&key, first.map_or(mark, |(mark, _)| *mark), key_mark));
        }
        let (value, inner) = build(tree, value)?;
        map.insert(key, value);
        marks.push((key_mark, inner));
    }
    Ok((Value::Map(map), Marks::map(mark, marks)))
}

/// The fault of a key that is there twice.
fn conflict(key: &Value, first: Mark, second: Mark) -> Fault {
    let shown = python::str_(key);
    let shown = brief(&shown);
    let problem = format!("found conflicting ID '{shown}': lines {} and {}", first.line, second.line);
    Fault::constructor(problem, second)
        .help("a key may be there only once in a mapping: rename one, or put both under one key")
}

fn children(tree: &mut Tree, id: NodeId) -> Vec<NodeId> {
    let shared = tree.shared;
    match &mut tree.node_mut(id).content {
        Content::List(items) if shared => items.clone(),
        Content::List(items) => std::mem::take(items),
        _ => Vec::new(),
    }
}
