//! Merge keys (`<<: *base`): entries of other mappings before the own ones.

use std::collections::HashSet;

use super::error::Fault;
use super::marks::Mark;
use super::node::{Content, NodeId, Tag, Tree};

type Entries = Vec<(NodeId, NodeId)>;

/// Replaces the merge keys of a mapping by the entries they stand for, as the reference orders them: merged
/// entries first, own keys win, two merged mappings with the same key are left to be a duplicate.
pub(super) fn flatten(tree: &mut Tree, id: NodeId) -> Result<(), Fault> {
    let mark = tree.node(id).mark;
    let Content::Map(entries) = &tree.node(id).content else { return Ok(()) };
    if !entries.iter().any(|(key, _)| matches!(tree.node(*key).tag, Tag::Merge | Tag::Default)) {
        return Ok(());
    }
    let entries = entries.clone();
    let (mut own, mut merged) = (Entries::new(), Entries::new());
    for (key, value) in entries {
        match tree.node(key).tag {
            Tag::Merge => merged.extend(source(tree, mark, value)?),
            Tag::Default => {
                tree.node_mut(key).tag = Tag::Str;
                own.push((key, value));
            }
            _ => own.push((key, value)),
        }
    }
    let written: HashSet<&str> = own.iter().filter_map(|(key, _)| text(tree, *key)).collect();
    merged.retain(|(key, _)| text(tree, *key).is_none_or(|key| !written.contains(key)));
    merged.extend(own);
    tree.node_mut(id).content = Content::Map(merged);
    Ok(())
}

/// The entries a merge key brings: of one mapping, or of a list of them, the last first.
fn source(tree: &mut Tree, mark: Mark, value: NodeId) -> Result<Entries, Fault> {
    match &tree.node(value).content {
        Content::Map(_) => mapping(tree, value),
        Content::List(items) => {
            let mut all = Entries::new();
            for item in items.clone().into_iter().rev() {
                if !matches!(tree.node(item).content, Content::Map(_)) {
                    let found = tree.node(item).kind();
                    let problem = format!("expected a mapping for merging, but found {found}");
                    return Err(Fault::constructor(problem, tree.node(item).mark).help(merge_help(mark)));
                }
                all.extend(mapping(tree, item)?);
            }
            Ok(all)
        }
        Content::Scalar(_) => {
            let problem = "expected a mapping or list of mappings for merging, but found scalar";
            Err(Fault::constructor(problem, tree.node(value).mark).help(merge_help(mark)))
        }
    }
}

fn merge_help(mark: Mark) -> String {
    format!("it is merged by '<<' into the mapping on line {}", mark.line)
}

fn mapping(tree: &mut Tree, id: NodeId) -> Result<Entries, Fault> {
    flatten(tree, id)?;
    match &tree.node(id).content {
        Content::Map(entries) => Ok(entries.clone()),
        _ => Ok(Entries::new()),
    }
}

fn text(tree: &Tree, id: NodeId) -> Option<&str> {
    match &tree.node(id).content {
        Content::Scalar(text) => Some(text),
        _ => None,
    }
}
