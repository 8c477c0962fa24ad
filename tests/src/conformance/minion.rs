//! A minion as the recordings had it: masterless, id `web1`, recorded grains, everything below the scratch directory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use fleet_common::files::Roots;
use fleet_common::ids::MinionId;
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
    // A pillar compiled from the same data is the business of the area `compile`.
    let pillar = scratch.substitute(case.input.get("pillar").unwrap_or(&Value::Null));
    let pillar = pillar.as_map().cloned().unwrap_or_default();
    let roots: BTreeMap<_, _> =
        scratch.roots(&case.input, "envs").into_iter().map(|(env, dir)| (env, vec![dir])).collect();
    let again = (grains.clone(), pillar.clone());
    let (again_grains, again_pillar) = (again.0, again.1);
    let daemon =
        Foreground::new(Box::new(move || Ok(again_grains.clone())), Box::new(move || Ok(again_pillar.clone())));
    Ok(Act::new(Parts {
        id: "web1".parse::<MinionId>().map_err(|error| error.to_string())?,
        jid: None,
        grains: Arc::new(grains),
        pillar: Arc::new(pillar),
        opts: Arc::new(opts(case, scratch)),
        files: Arc::new(Roots::new(roots)),
        cache_dir: scratch.root().join("cache"),
        config_dir: Some(scratch.root().join("etc-salt")),
        renderer: Arc::new(Renderer::new(Limits::default())),
        functions: fleet_minion::registry::functions(),
        daemon: Arc::new(daemon),
    }))
}
