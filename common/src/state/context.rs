//! What a compilation reads: templates, files, facts and options. Nothing else reaches the compiler.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::call::Facts;
use crate::files::{FileError, FileSource};
use crate::render::{Renderer, Scope};
use crate::target::glob;
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
    pub files: &'c dyn FileSource,
    /// What templates and targets see of the minion.
    pub facts: Arc<dyn Facts>,
    /// Settings.
    pub options: Options,
    listings: RefCell<HashMap<String, Rc<Vec<String>>>>,
    environments: OnceCell<Vec<String>>,
}

impl<'c> Context<'c> {
    /// A context for one compilation; listings of the tree are taken once and kept.
    pub fn new(renderer: &'c Renderer, files: &'c dyn FileSource, facts: Arc<dyn Facts>, options: Options) -> Self {
        Self { renderer, files, facts, options, listings: RefCell::default(), environments: OnceCell::new() }
    }

    pub(super) fn scope(&self, environment: &str) -> Scope {
        Scope { saltenv: environment.to_owned(), facts: Arc::clone(&self.facts), context: Map::new() }
    }

    /// All environments, `env_order` first.
    pub(super) fn environments(&self) -> Result<&[String], FileError> {
        if let Some(known) = self.environments.get() {
            return Ok(known);
        }
        let mut found = self.files.environments()?;
        let wanted = &self.options.env_order;
        found.sort_by_key(|name| wanted.iter().position(|known| known == name).unwrap_or(usize::MAX));
        Ok(self.environments.get_or_init(|| found))
    }

    pub(super) fn has_environment(&self, environment: &str) -> Result<bool, FileError> {
        if self.environments()?.iter().any(|known| known == environment) {
            return Ok(true);
        }
        // A source may serve environments that it can not list.
        match self.files.stat(environment, &self.options.state_top) {
            Err(FileError::Environment(_)) => Ok(false),
            Err(error) => Err(error),
            Ok(_) => Ok(true),
        }
    }

    /// All SLS names of an environment, sorted.
    pub(super) fn sls_names(&self, environment: &str) -> Result<Rc<Vec<String>>, FileError> {
        if let Some(known) = self.listings.borrow().get(environment) {
            return Ok(Rc::clone(known));
        }
        let mut names: Vec<String> = (self.files.list(environment, "")?.iter())
            .filter_map(|path| path.strip_suffix("/init.sls").or_else(|| path.strip_suffix(".sls")))
            .map(|path| path.replace('/', "."))
            .collect();
        names.sort_unstable();
        names.dedup();
        let names = Rc::new(names);
        self.listings.borrow_mut().insert(environment.to_owned(), Rc::clone(&names));
        Ok(names)
    }

    /// The SLS names that a name or pattern stands for. A plain name costs no listing.
    pub(super) fn expand(&self, environment: &str, pattern: &str) -> Result<Vec<String>, FileError> {
        if glob::is_pattern(pattern) {
            let names = self.sls_names(environment)?;
            return Ok(names.iter().filter(|name| glob::matches(pattern, name)).cloned().collect());
        }
        let known = self.find(environment, pattern)?.is_some();
        Ok(if known { vec![pattern.to_owned()] } else { Vec::new() })
    }

    /// The path of an SLS: `a.b` is `a/b.sls`, else `a/b/init.sls`.
    pub(super) fn find(&self, environment: &str, sls: &str) -> Result<Option<String>, FileError> {
        let base = sls.replace('.', "/");
        for path in [format!("{base}.sls"), format!("{base}/init.sls")] {
            match self.files.stat(environment, &path) {
                Ok(Some(_)) => return Ok(Some(path)),
                Ok(None) | Err(FileError::Outside(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
