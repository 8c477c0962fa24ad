//! The settings that pillar compilation uses, under the reference's names.

use crate::value::merge::Strategy;
use crate::value::{Map, Value};

/// Which pillar a question or a run wants; the default is the configured one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// State environment.
    pub saltenv: Option<String>,
    /// Pillar environment.
    pub pillarenv: Option<String>,
    /// Merged over it.
    pub overrides: Map,
}

impl Wanted {
    /// True for the configured pillar.
    pub fn is_configured(&self) -> bool {
        *self == Self::default()
    }
}

/// Settings of a compilation.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only this environment (`pillarenv`).
    pub pillarenv: Option<String>,
    /// Name of the top file (`state_top`).
    pub state_top: String,
    /// The order in which environments are looked at (`env_order`).
    pub env_order: Vec<String>,
    /// `nodegroups`, for top files.
    pub nodegroups: Map,
    /// `pillar_source_merging_strategy`.
    pub strategy: Strategy,
    /// Append lists instead of replacing them (`pillar_merge_lists`).
    pub merge_lists: bool,
    /// Included files win over the file that includes them (`pillar_includes_override_sls`).
    pub includes_override: bool,
    /// Keep the reasons of render errors out of the pillar (`pillar_safe_render_error`).
    pub safe_render_error: bool,
    /// Functions with an effect that templates may call all the same (`pillar_exec`).
    pub exec: Vec<String>,
    /// Grains that targets of the top file may believe (`trusted_grains`).
    pub trusted_grains: Vec<String>,
    /// Data of the call (`pillar=`) that wins over everything.
    pub overrides: Map,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pillarenv: None,
            state_top: "top.sls".to_owned(),
            env_order: Vec::new(),
            nodegroups: Map::new(),
            strategy: Strategy::Smart,
            merge_lists: false,
            includes_override: false,
            safe_render_error: true,
            exec: Vec::new(),
            trusted_grains: Vec::new(),
            overrides: Map::new(),
        }
    }
}

impl Options {
    /// Reads the settings out of a configuration; what is missing keeps its default.
    pub fn from_opts(opts: &Map) -> Self {
        let fallback = Self::default();
        let text = |key: &str| opts.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let flag = |key: &str, default: bool| opts.get(key).map_or(default, Value::truthy);
        let list = |key: &str| {
            let items = opts.get(key).and_then(Value::as_list).unwrap_or_default();
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            pillarenv: text("pillarenv").map(str::to_owned),
            state_top: text("state_top")
                .map_or(fallback.state_top, |path| path.trim_start_matches("salt://").to_owned()),
            env_order: list("env_order"),
            nodegroups: opts.get("nodegroups").and_then(Value::as_map).cloned().unwrap_or_default(),
            strategy: text("pillar_source_merging_strategy").and_then(Strategy::named).unwrap_or(fallback.strategy),
            merge_lists: flag("pillar_merge_lists", fallback.merge_lists),
            includes_override: flag("pillar_includes_override_sls", fallback.includes_override),
            safe_render_error: flag("pillar_safe_render_error", fallback.safe_render_error),
            exec: list("pillar_exec"),
            trusted_grains: list("trusted_grains"),
            overrides: Map::new(),
        }
    }
}
