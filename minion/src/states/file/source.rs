//! Content from a `source`: a file of the tree or a local one, first of a list that exists, checked, rendered.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use fleet_common::call::Facts;
use fleet_common::digest;
use fleet_common::render::{Scope, Template};
use fleet_common::state::why_not_rendered;
use fleet_common::value::{Map, Value};

use crate::cx::Look;
use crate::states::{Failure, Run};
use crate::system::fs::read_bounded;

/// Largest file that a state reads into memory.
pub const MAX_FILE: u64 = 1 << 30;

/// A fetched source.
pub struct Fetched {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its permission bits where they are known.
    pub mode: Option<u32>,
    /// The path templates know themselves by.
    pub path: String,
    /// True for a file that is not from the tree: its checksum counts.
    pub foreign: bool,
}

/// Fetches the first source that exists. `environment` is the chunk's.
pub fn fetch(look: &Look, source: &Value, environment: &str) -> Result<Option<Fetched>, Failure> {
    match source {
        Value::List(items) => {
            for item in items {
                let name = match item {
                    Value::Str(name) => name.as_str(),
                    // `{url: hash}`: the hash of a file of the tree is not needed.
                    Value::Map(map) => match map.keys().next() {
                        Some(Value::Str(name)) => name.as_str(),
                        _ => continue,
                    },
                    _ => continue,
                };
                if let Ok(found) = one(look, name, environment) {
                    return Ok(Some(found));
                }
            }
            Err(Failure::new("Unable to manage file: none of the specified sources were found"))
        }
        Value::Str(name) if name.is_empty() => Ok(None),
        Value::Str(name) => one(look, name, environment).map(Some),
        Value::Null => Ok(None),
        other => {
            Err(Failure::new(format!("Unable to manage file: source must be a text or a list, not {}", other.kind())))
        }
    }
}

fn one(look: &Look, name: &str, environment: &str) -> Result<Fetched, Failure> {
    if let Some(rest) = name.strip_prefix("salt://") {
        let (path, environment) = match rest.split_once("?saltenv=") {
            Some((path, environment)) => (path, environment),
            None => (rest, environment),
        };
        return tree(look, name, path, environment);
    }
    let local = name.strip_prefix("file://").unwrap_or(name);
    if local.starts_with('/') {
        let missing = || Failure::new(format!("Local file source {local} does not exist"));
        let path = Path::new(local);
        let meta = std::fs::metadata(path).map_err(|_| missing())?;
        let bytes = read_bounded(path, MAX_FILE).map_err(|fault| Failure::new(fault.to_string()))?;
        return Ok(Fetched { bytes, mode: Some(meta.mode() & 0o7777), path: local.to_owned(), foreign: true });
    }
    match name.split_once("://") {
        Some((scheme, _)) => Err(Failure::new(format!("sources with {scheme}:// are not supported yet: {name}"))),
        None => Err(Failure::new(format!("Source file {name} not found in saltenv '{environment}'"))),
    }
}

fn tree(look: &Look, name: &str, path: &str, environment: &str) -> Result<Fetched, Failure> {
    let files = look.file_source();
    let missing = || Failure::new(format!("Source file {name} not found in saltenv '{environment}'"));
    let bytes = match files.read(environment, path) {
        Ok(Some(bytes)) => bytes.to_vec(),
        Ok(None) => return Err(missing()),
        Err(error) => return Err(Failure::new(format!("{name}: {error}"))),
    };
    let mode = files.stat(environment, path).ok().flatten().map(|stat| stat.mode & 0o7777).filter(|mode| *mode != 0);
    Ok(Fetched { bytes, mode, path: path.to_owned(), foreign: false })
}

/// Renders a text through the named template engine.
pub fn render(
    look: &Look,
    engine: &str,
    bytes: Vec<u8>,
    path: &str,
    environment: &str,
    context: Map,
) -> Result<Vec<u8>, Failure> {
    if engine != "jinja" {
        return Err(Failure::new(format!("Specified template format {engine} is not supported")));
    }
    let text = String::from_utf8(bytes).map_err(|_| Failure::new(format!("{path}: a template must be UTF-8 text")))?;
    let scope = Scope { saltenv: environment.to_owned(), facts: Arc::new(look.clone()) as Arc<dyn Facts>, context };
    let template = Template { text: &text, path, sls: None };
    match look.renderer().text(&scope, &template) {
        Ok(text) => Ok(text.into_bytes()),
        Err(diagnostic) => {
            Err(Failure::new(format!("Unable to manage file: {}", why_not_rendered(&diagnostic, Some(&template)))))
        }
    }
}

/// Checks a foreign file against `source_hash`: `algorithm=hex`, `algorithm:hex` or bare hex.
pub fn verify(name: &str, bytes: &[u8], source_hash: &str) -> Result<(), Failure> {
    let (algorithm, wanted) = match source_hash.split_once(['=', ':']) {
        Some((algorithm, hex)) => (algorithm.trim().to_ascii_lowercase(), hex.trim()),
        None => (String::new(), source_hash.trim()),
    };
    let by_length = match wanted.len() {
        32 => "md5",
        40 => "sha1",
        56 => "sha224",
        64 => "sha256",
        96 => "sha384",
        128 => "sha512",
        _ => "",
    };
    let algorithm = if algorithm.is_empty() { by_length } else { algorithm.as_str() };
    let Some(actual) = digest::hex_of_bytes(algorithm, bytes) else {
        return Err(Failure::new(format!("Source hash {source_hash} format is invalid: 'algorithm=hash' is expected")));
    };
    if actual.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "Specified {algorithm} checksum for {name} ({wanted}) does not match actual checksum ({actual})"
    )))
}

/// Texts of templates, as the states that add to a file take them.
pub struct Sources<'a> {
    /// `source`.
    pub one: Option<&'a str>,
    /// `sources`.
    pub several: &'a [String],
    /// Template engine.
    pub template: Option<&'a str>,
    /// Names for it.
    pub defaults: Option<&'a Map>,
    /// Names for it that win.
    pub context: Option<&'a Map>,
}

/// The rendered texts of the sources; `None` when there are none.
pub fn texts(look: &Look, run: &Run<'_>, sources: &Sources<'_>) -> Result<Option<Vec<String>>, Failure> {
    if sources.one.is_some() && !sources.several.is_empty() {
        return Err(Failure::new("source and sources are mutually exclusive"));
    }
    let mut all = Vec::new();
    for name in sources.one.into_iter().chain(sources.several.iter().map(String::as_str)) {
        let failed = |_| Failure::new(format!("Failed to load template file {name}"));
        let fetched = one(look, name, run.saltenv).map_err(failed)?;
        let bytes = match sources.template {
            Some(engine) => {
                let mut names = sources.defaults.cloned().unwrap_or_default();
                names.extend(sources.context.cloned().unwrap_or_default());
                render(look, engine, fetched.bytes, &fetched.path, run.saltenv, names)?
            }
            None => fetched.bytes,
        };
        all.push(String::from_utf8(bytes).map_err(|_| Failure::new(format!("{name} is not UTF-8 text")))?);
    }
    Ok((!all.is_empty()).then_some(all))
}
