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
use crate::files::{
    anywhere,
    web::{self, Wanted},
};
use crate::states::{Failure, Run};
use crate::system::checksum::Checksum;
use crate::system::fs::read_bounded;
use crate::system::http::without_account;

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
    /// The source as it was written; of a list the one that was taken.
    pub source: String,
}

/// What a source must be, as the states that take one say it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Check<'a> {
    /// The file it is for.
    pub name: &'a str,
    /// `source_hash`: a checksum, or where a list of them is.
    pub hash: Option<&'a str>,
    /// `source_hash_name`: its name in that list, when it is another.
    pub hash_name: Option<&'a str>,
    /// `skip_verify`: the checksum is not needed.
    pub skip: bool,
    /// `verify_ssl`: whether a server's certificate is checked; else as configured.
    pub verify_ssl: Option<bool>,
}

impl Check<'_> {
    /// The checksum that a source must have; `None` when it need not have any.
    fn wanted(&self, look: &Look, source: &str, environment: &str) -> Result<Option<Checksum>, Failure> {
        let Some(hash) = self.hash.filter(|hash| !self.skip && !hash.is_empty()) else { return Ok(None) };
        let names = [self.hash_name.unwrap_or_default(), self.name, source];
        let found = anywhere::announced(look, hash, environment, &names);
        found.map(Some).map_err(|missing| Failure::new(missing.to_string()))
    }
}

/// Fetches the first source that exists, and checks it. `environment` is the chunk's.
pub fn fetch(look: &Look, source: &Value, environment: &str, check: &Check<'_>) -> Result<Option<Fetched>, Failure> {
    match source {
        Value::List(items) => {
            let mut why = None;
            for item in items {
                let (name, hash) = match item {
                    Value::Str(name) => (name.as_str(), check.hash),
                    // `{source: hash}`.
                    Value::Map(map) => match map.get_index(0) {
                        Some((Value::Str(name), hash)) => (name.as_str(), hash.as_str().or(check.hash)),
                        _ => continue,
                    },
                    _ => continue,
                };
                match one(look, name, environment, &Check { hash, ..*check }) {
                    Ok(found) => return Ok(Some(found)),
                    // What a server said tells more than that nothing was found.
                    Err(failure) => why = why.or(web::is_web(name).then_some(failure)),
                }
            }
            let found = "Unable to manage file: none of the specified sources were found";
            Err(Failure::new(why.map_or(found.to_owned(), |why| format!("{found}: {why}"))))
        }
        Value::Str(name) if name.is_empty() => Ok(None),
        Value::Str(name) => one(look, name, environment, check).map(Some),
        Value::Null => Ok(None),
        other => {
            Err(Failure::new(format!("Unable to manage file: source must be a text or a list, not {}", other.kind())))
        }
    }
}

fn one(look: &Look, name: &str, environment: &str, check: &Check<'_>) -> Result<Fetched, Failure> {
    if let Some(rest) = name.strip_prefix("salt://") {
        let (path, environment) = match rest.split_once("?saltenv=") {
            Some((path, environment)) => (path, environment),
            None => (rest, environment),
        };
        return tree(look, name, path, environment);
    }
    if web::is_web(name) {
        return distant(look, name, environment, check);
    }
    let local = name.strip_prefix("file://").unwrap_or(name);
    if local.starts_with('/') {
        let missing = || Failure::new(format!("Local file source {local} does not exist"));
        let path = Path::new(local);
        let meta = std::fs::metadata(path).map_err(|_| missing())?;
        let bytes = read_bounded(path, MAX_FILE).map_err(|fault| Failure::new(fault.to_string()))?;
        if let Some(wanted) = check.wanted(look, name, environment)? {
            verify(check.name, &bytes, &wanted)?;
        }
        return Ok(Fetched {
            bytes,
            mode: Some(meta.mode() & 0o7777),
            path: local.to_owned(),
            source: name.to_owned(),
        });
    }
    match name.split_once("://") {
        Some((scheme, _)) => Err(Failure::new(format!("sources with {scheme}:// are not supported yet: {name}"))),
        None => Err(Failure::new(format!("Local file source {name} does not exist"))),
    }
}

/// What a template of a source knows beside the names of its context: the arguments of the file that it is for.
pub fn own_names(name: &str, source: &str, [user, group, mode, attrs]: [Value; 4]) -> Map {
    let texts = [("name", Value::from(name)), ("source", Value::from(source))];
    texts.into_iter().chain([("user", user), ("group", group), ("mode", mode), ("attrs", attrs)]).collect()
}

/// A file of a web server. The file that is there is taken when it has the announced checksum: nothing is asked then.
fn distant(look: &Look, name: &str, environment: &str, check: &Check<'_>) -> Result<Fetched, Failure> {
    let shown = without_account(name);
    let checksum = check.wanted(look, name, environment)?;
    if checksum.is_none() && !check.skip {
        return Err(Failure::new(format!(
            "Unable to verify upstream hash of source file {shown}, please set source_hash or set skip_verify to True"
        )));
    }
    let read = |path: &Path| read_bounded(path, MAX_FILE).map_err(|fault| Failure::new(fault.to_string()));
    let fetched = |bytes| Fetched { bytes, mode: None, path: shown.clone(), source: shown.clone() };
    if let Some(checksum) = checksum.as_ref().filter(|checksum| web::has(Path::new(check.name), checksum)) {
        let bytes = read(Path::new(check.name))?;
        if checksum.fits(&bytes) {
            return Ok(fetched(bytes));
        }
    }
    let wanted = Wanted { checksum: checksum.as_ref(), any_copy: check.skip, verify_ssl: check.verify_ssl };
    let path = web::bring(look, name, environment, &wanted);
    let path = path.map_err(|error| Failure::new(format!("Unable to manage file: {error}")))?;
    read(&path).map(fetched)
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
    Ok(Fetched { bytes, mode, path: path.to_owned(), source: name.to_owned() })
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

/// Checks the content of a file against the checksum that was announced for it.
pub fn verify(name: &str, bytes: &[u8], wanted: &Checksum) -> Result<(), Failure> {
    let actual = digest::hex_of_bytes(wanted.kind, bytes).unwrap_or_default();
    if actual == wanted.hex {
        return Ok(());
    }
    let Checksum { kind, hex } = wanted;
    Err(Failure::new(format!("Specified {kind} checksum for {name} ({hex}) does not match actual checksum ({actual})")))
}

/// The text of one source, checked and rendered.
pub fn fetched_text(
    look: &Look,
    run: &Run<'_>,
    name: &str,
    check: &Check<'_>,
    template: Option<&str>,
    names: Map,
) -> Result<String, Failure> {
    let fetched = one(look, name, run.saltenv, check)?;
    let bytes = match template {
        Some(engine) => render(look, engine, fetched.bytes, &fetched.path, run.saltenv, names)?,
        None => fetched.bytes,
    };
    String::from_utf8(bytes).map_err(|_| Failure::new(format!("{name} is not UTF-8 text")))
}

/// Texts of templates, as the states that add to a file take them.
pub struct Sources<'a> {
    /// `source`.
    pub one: Option<&'a str>,
    /// `sources`.
    pub several: &'a [String],
    /// `source_hash`.
    pub hash: &'a Value,
    /// `source_hashes`, one for each of several.
    pub hashes: &'a Value,
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
    for (number, name) in sources.one.into_iter().chain(sources.several.iter().map(String::as_str)).enumerate() {
        let listed = sources.hashes.as_list().and_then(|hashes| hashes.get(number));
        let hash = listed.unwrap_or(sources.hash).as_str().filter(|hash| !hash.is_empty());
        let failed = |why| Failure::new(format!("Failed to load template file {name}: {why}"));
        let check = Check { name, hash, skip: hash.is_none(), ..Check::default() };
        let fetched = one(look, name, run.saltenv, &check).map_err(failed)?;
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
