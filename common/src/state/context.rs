//! What a compilation reads: templates, files, facts and options. Nothing else reaches the compiler.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::call::Facts;
use crate::files::{FileSource, Tree};
use crate::render::{Renderer, Scope};
use crate::value::{Map, Value};

/// SLS names to apply per environment, in order: what a top file or a call asks for.
pub type Matches = IndexMap<String, Vec<String>>;

/// How top files of several environments become one (`top_file_merging_strategy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TopMerging {
    /// `base`'s top file decides; other environments add only sections that it does not have.
    #[default]
    Merge,
    /// Each environment's own top file decides for it.
    Same,
    /// All top files are joined.
    MergeAll,
}

/// The settings that the compiler uses, under the reference's names.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only this environment (`saltenv`).
    pub saltenv: Option<String>,
    /// Name of the top file (`state_top`).
    pub state_top: String,
    /// The one environment whose top file is read (`state_top_saltenv`).
    pub state_top_saltenv: Option<String>,
    /// `top_file_merging_strategy`.
    pub top_merging: TopMerging,
    /// Whose top file stands in for a missing one under `same` (`default_top`).
    pub default_top: String,
    /// The order in which environments are looked at (`env_order`).
    pub env_order: Vec<String>,
    /// `nodegroups`, for top files.
    pub nodegroups: Map,
    /// Number declarations in the order in which they are written (`state_auto_order`).
    pub state_auto_order: bool,
    /// Requisite keywords that are ignored (`disabled_requisites`).
    pub disabled_requisites: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            saltenv: None,
            state_top: "top.sls".to_owned(),
            state_top_saltenv: None,
            top_merging: TopMerging::Merge,
            default_top: "base".to_owned(),
            env_order: Vec::new(),
            nodegroups: Map::new(),
            state_auto_order: true,
            disabled_requisites: Vec::new(),
        }
    }
}

impl Options {
    /// Reads the settings out of a minion's configuration; what is missing keeps its default.
    pub fn from_opts(opts: &Map) -> Self {
        let text = |key: &str| opts.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let list = |key: &str| match opts.get(key) {
            Some(Value::List(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::Str(one)) if !one.is_empty() => vec![one.clone()],
            _ => Vec::new(),
        };
        let fallback = Self::default();
        Self {
            saltenv: text("saltenv").map(str::to_owned),
            state_top: text("state_top")
                .map_or(fallback.state_top, |path| path.trim_start_matches("salt://").to_owned()),
            state_top_saltenv: text("state_top_saltenv").map(str::to_owned),
            top_merging: match text("top_file_merging_strategy") {
                Some("same") => TopMerging::Same,
                Some("merge_all") => TopMerging::MergeAll,
                _ => TopMerging::Merge,
            },
            default_top: text("default_top").map_or(fallback.default_top, str::to_owned),
            env_order: list("env_order"),
            nodegroups: opts.get("nodegroups").and_then(Value::as_map).cloned().unwrap_or_default(),
            state_auto_order: opts.get("state_auto_order").is_none_or(Value::truthy),
            disabled_requisites: list("disabled_requisites"),
        }
    }
}

/// What a compilation reads.
pub struct Context<'c> {
    /// Renders SLS files and top files.
    pub renderer: &'c Renderer,
    /// The state tree.
    pub tree: Tree<'c>,
    /// What templates and targets see of the minion.
    pub facts: Arc<dyn Facts>,
    /// Settings.
    pub options: Options,
}

impl<'c> Context<'c> {
    /// A context for one compilation.
    pub fn new(renderer: &'c Renderer, files: &'c dyn FileSource, facts: Arc<dyn Facts>, options: Options) -> Self {
        Self { renderer, tree: Tree::new(files, options.env_order.clone()), facts, options }
    }

    pub(super) fn scope(&self, environment: &str) -> Scope {
        Scope { saltenv: environment.to_owned(), facts: Arc::clone(&self.facts), context: Map::new() }
    }
}
