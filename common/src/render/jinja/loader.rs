//! Finds the templates that tags name: paths from the root of the tree, or relative to the template they are in.

use std::sync::Arc;

use super::fault::{Fault, FaultKind, Res};
use crate::diag::nearest;
use crate::render::Scope;

/// The path in the tree of a name written in a tag of the template `from`.
pub(super) fn resolve(name: &str, from: &str) -> Res<String> {
    let not_found = || Fault::new(FaultKind::NotFound, name.to_owned());
    if name.is_empty() || name.contains("://") {
        let fault = not_found();
        return Err(match name.strip_prefix("salt://") {
            Some(path) => fault.help(format!("write the path from the root of the tree: '{path}'")),
            None => fault,
        });
    }
    let relative = matches!(name.split('/').next(), Some("." | ".."));
    let mut parts: Vec<&str> = if relative { from.split('/').collect() } else { Vec::new() };
    parts.pop();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Err(not_found().help("the path leaves the tree"));
                }
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// The content of a file of the tree.
pub(super) fn read(scope: &Scope, path: &str, name: &str) -> Res<Arc<[u8]>> {
    let Some(files) = scope.facts.files() else {
        return Err(Fault::new(FaultKind::NotFound, name.to_owned()).help("there are no files to import from here"));
    };
    match files.read(&scope.saltenv, path) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => {
            let fault = Fault::new(FaultKind::NotFound, name.to_owned());
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let known = files.list(&scope.saltenv, folder).unwrap_or_default();
            Err(match nearest(path, known.iter().map(String::as_str)) {
                Some(near) => fault.help(format!("did you mean '{near}'?")),
                None => fault.help(format!("there is no file '{path}' in environment '{}'", scope.saltenv)),
            })
        }
        Err(error) => Err(Fault::error(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_resolved_inside_the_tree() {
        assert_eq!(resolve("./map.jinja", "app/conf.sls").ok().as_deref(), Some("app/map.jinja"));
        assert_eq!(resolve("../lib/x.jinja", "app/conf.sls").ok().as_deref(), Some("lib/x.jinja"));
        assert_eq!(resolve("app//map.jinja", "x.sls").ok().as_deref(), Some("app/map.jinja"));
        assert!(resolve("../../x", "app/conf.sls").is_err());
        assert!(resolve("salt://x", "a.sls").is_err());
    }
}
