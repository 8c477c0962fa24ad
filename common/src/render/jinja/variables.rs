//! The names that come with a template: `sls`, `slspath`, `tplfile`, `tpldir` and their kin.

use std::sync::Arc;

use super::object::Val;
use crate::render::{Scope, Template};
use crate::value::Value;

/// The names that come with the main template, and where the last loaded template is.
pub(super) struct Variables {
    names: Vec<(&'static str, String)>,
    path: String,
    loaded: String,
    tplpath: String,
}

impl Variables {
    /// The names for a template.
    pub fn new(scope: &Scope, template: &Template<'_>) -> Self {
        let mut names = vec![("saltenv", scope.saltenv.clone()), ("env", scope.saltenv.clone())];
        if let Some(sls) = template.sls {
            let path = sls.replace('.', "/");
            let init = template.path.ends_with("/init.sls") || template.path == "init.sls";
            let slspath = if init { path.as_str() } else { path.rsplit_once('/').map_or("", |(folder, _)| folder) };
            names.push(("sls", sls.to_owned()));
            names.push(("slspath", slspath.to_owned()));
            names.push(("slsdotpath", slspath.replace('/', ".")));
            names.push(("slscolonpath", slspath.replace('/', ":")));
            names.push(("sls_path", slspath.replace('/', "_")));
        }
        let path = template.path.to_owned();
        Self { names, loaded: path.clone(), tplpath: real_path(scope, &path), path }
    }

    /// A global of this name.
    pub fn get(&self, name: &str) -> Option<Val> {
        if let Some(value) = place(&self.loaded, name) {
            return Some(value);
        }
        if name == "tplpath" {
            return Some(Val::str(self.tplpath.as_str()));
        }
        self.names.iter().find(|(known, _)| *known == name).map(|(_, value)| Val::str(value.as_str()))
    }

    /// All global names.
    pub fn all(&self) -> Vec<&'static str> {
        let places = ["tplfile", "tpldir", "tpldot", "tplroot", "tplpath"];
        self.names.iter().map(|(name, _)| *name).chain(places).collect()
    }

    /// The names that belong to the main template alone: imports without context see their own instead.
    pub fn template_names(&self) -> Vec<(Arc<str>, Val)> {
        ["tplfile", "tpldir", "tpldot", "tplroot"]
            .into_iter()
            .filter_map(|name| place(&self.path, name).map(|value| (Arc::from(name), value)))
            .collect()
    }

    /// Another template was loaded.
    pub fn loaded(&mut self, path: &str) {
        path.clone_into(&mut self.loaded);
    }
}

fn place(path: &str, name: &str) -> Option<Val> {
    let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
    Some(Val::str(match name {
        "tplfile" => path.to_owned(),
        "tpldir" => folder.to_owned(),
        "tpldot" if folder == "." => String::new(),
        "tpldot" => folder.replace('/', "."),
        "tplroot" => folder.split('/').next().unwrap_or(".").to_owned(),
        _ => return None,
    }))
}

/// Where the file is on the machine: under the first root of a local tree, else in the cache.
fn real_path(scope: &Scope, path: &str) -> String {
    let opts = scope.facts.opts();
    let local = opts.get("file_client").and_then(Value::as_str) == Some("local");
    let root = opts.get("file_roots").and_then(|roots| roots.get(&scope.saltenv));
    let root = root.and_then(Value::as_list).and_then(<[Value]>::first).and_then(Value::as_str);
    match (root.filter(|_| local), opts.get("cachedir").and_then(Value::as_str)) {
        (Some(root), _) => format!("{}/{path}", root.trim_end_matches('/')),
        (None, Some(cache)) => format!("{cache}/files/{}/{path}", scope.saltenv),
        (None, None) => path.to_owned(),
    }
}
