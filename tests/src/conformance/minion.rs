//! A minion as the recordings had it: masterless, id `web1`, recorded grains, everything below the scratch directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fleet_common::call::Facts;
use fleet_common::files::{FileSource, Roots};
use fleet_common::ids::MinionId;
use fleet_common::pillar;
use fleet_common::render::{Limits, Renderer};
use fleet_common::value::{Map, Value, json_load};
use fleet_minion::cx::{Act, Parts};
use fleet_minion::foreground::Foreground;

use super::{Case, Scratch};

/// The grains of `web1` with the case's overrides.
pub(super) fn grains(case: &Case) -> Result<Map, String> {
    let path = case.dir.parent().unwrap_or(Path::new(".")).join("base_grains.json");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let Value::Map(mut grains) = json_load::parse(&text).map_err(|error| error.to_string())? else {
        return Err("base_grains.json is no mapping".to_owned());
    };
    grains.extend(case.input.get("grains").and_then(Value::as_map).cloned().unwrap_or_default());
    Ok(grains)
}

/// The configuration that functions and templates see.
pub(super) fn opts(case: &Case, scratch: &Scratch) -> Map {
    let root = scratch.root();
    let path = |below: &str| root.join(below).to_string_lossy().into_owned();
    let roots = |key: &str| -> Value {
        let roots = scratch.roots(&case.input, key).into_iter();
        Value::Map(roots.map(|(env, dir)| (env, vec![dir.to_string_lossy().into_owned()])).collect())
    };
    let mut opts = Map::from_iter([
        ("id", Value::from("web1")),
        ("master", Value::from("salt")),
        ("file_client", Value::from("local")),
        ("root_dir", Value::from(path(""))),
        ("cachedir", Value::from(path("cache"))),
        ("conf_file", Value::from(path("etc-salt/minion"))),
        ("config_dir", Value::from(path("etc-salt"))),
        ("file_roots", roots("envs")),
        ("pillar_roots", roots("pillar_envs")),
        ("saltenv", Value::Null),
        ("pillarenv", Value::Null),
        ("test", Value::Bool(false)),
        ("hash_type", Value::from("sha256")),
    ]);
    let given = scratch.substitute(case.input.get("opts").unwrap_or(&Value::Null));
    opts.extend(given.as_map().cloned().unwrap_or_default());
    opts
}

/// The context that all calls of a case share.
pub(super) fn context(case: &Case, scratch: &Scratch) -> Result<Act, String> {
    let grains = grains(case)?;
    let pillar = scratch.substitute(case.input.get("pillar").unwrap_or(&Value::Null));
    let pillar = pillar.as_map().cloned().unwrap_or_default();
    let id = "web1".parse::<MinionId>().map_err(|error| error.to_string())?;
    let roots = |key: &str| -> BTreeMap<String, Vec<PathBuf>> {
        scratch.roots(&case.input, key).into_iter().map(|(env, dir)| (env, vec![dir])).collect()
    };
    let parts = |pillar: Map, daemon: Foreground| Parts {
        id: id.clone(),
        jid: None,
        grains: Arc::new(grains.clone()),
        pillar: Arc::new(pillar),
        opts: Arc::new(opts(case, scratch)),
        files: Arc::new(Roots::new(roots("envs"))),
        cache_dir: scratch.root().join("cache"),
        config_dir: Some(scratch.root().join("etc-salt")),
        renderer: Arc::new(Renderer::new(Limits::default())),
        functions: fleet_minion::registry::functions(),
        daemon: Arc::new(daemon),
    };
    let nothing = Foreground::new(Box::new(|| Ok(Map::new())), Box::new(|_| pillar::Pillar::default()));
    let act = Act::new(parts(Map::new(), nothing));
    let files: Arc<dyn FileSource> = Arc::new(Roots::new(roots("pillar_envs")));
    let compile = move |wanted: pillar::Wanted| {
        let configured = pillar::Options::from_opts(&act.look().opts());
        let pillarenv = wanted.pillarenv.or_else(|| configured.pillarenv.clone());
        let options = pillar::Options { pillarenv, overrides: wanted.overrides, ..configured };
        pillar::compile(act.renderer(), &files, Arc::new(act.look().clone()), &options)
    };
    let again = grains.clone();
    let daemon = Foreground::new(Box::new(move || Ok(again.clone())), Box::new(compile));
    Ok(Act::new(parts(pillar, daemon)))
}
