//! Copies of files of the tree, at a place of the caller's or in the cache.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Facts};
use fleet_common::digest;
use fleet_common::files::{FileStat, Opened};
use fleet_common::render::{Scope, Template};
use fleet_common::value::{Map, Value};

use super::list::{Environment, fault};
use crate::cx::{Act, Look};
use crate::files::below::{Below, Spot};
use crate::files::store::Store;
use crate::files::web::{self, Wanted, WebError};
use crate::system::fs::{self, FileFault, WriteOptions};

/// The largest template.
const LIMIT: u64 = 64 << 20;
/// What the kernel adds to the permissions of a regular file.
const REGULAR: u32 = 0o100_000;

args! {
    /// Arguments of `cp.get_file`.
    pub struct GetFile {
        /// The file: `salt://...`, with `?saltenv=...` for another environment.
        path: String,
        /// Where it goes; with a slash at its end, into that directory.
        dest: String,
        /// The environment.
        saltenv: Option<String> = None,
        /// Make missing directories.
        makedirs: bool = false,
        /// Rendering engine for path and destination; only jinja is supported.
        template: Option<String> = None,
        /// Not used: files travel as they are.
        gzip: Option<i64> = None,
    }
}

args! {
    /// Arguments of `cp.get_template`.
    pub struct GetTemplate {
        /// The file: `salt://...`.
        path: String,
        /// Where it goes.
        dest: String,
        /// Rendering engine; only jinja is supported.
        template: String = "jinja".to_owned(),
        /// The environment.
        saltenv: Option<String> = None,
        /// Make missing directories.
        makedirs: bool = false,
        /// Names the template sees.
        **context: Map,
    }
}

args! {
    /// Arguments of `cp.get_dir`.
    pub struct GetDir {
        /// The directory: `salt://...`.
        path: String,
        /// The directory it goes into.
        dest: String,
        /// The environment.
        saltenv: Option<String> = None,
        /// Not used: files travel as they are.
        gzip: Option<i64> = None,
    }
}

args! {
    /// Arguments of `cp.get_url`.
    pub struct GetUrl {
        /// The file: `salt://...`, `https://...`, `file://...` or a path.
        path: String,
        /// Where it goes; the cache when empty; null for its content as the answer.
        dest: Value = Value::from(""),
        /// The environment.
        saltenv: Option<String> = None,
        /// Make missing directories.
        makedirs: bool = false,
    }
}

args! {
    /// A file of the tree.
    pub struct One {
        /// The file: `salt://...`.
        path: String,
        /// The environment.
        saltenv: Option<String> = None,
    }
}

args! {
    /// Arguments of `cp.stat_file`.
    pub struct StatFile {
        /// The file: `salt://...` or a path.
        path: String,
        /// The environment.
        saltenv: Option<String> = None,
        /// The permissions as an octal text; else the kernel's number.
        octal: bool = true,
    }
}

args! {
    /// Files of the tree.
    pub struct Several {
        /// The files: `salt://...`, a list or separated by commas.
        paths: Vec<String>,
        /// The environment.
        saltenv: Option<String> = None,
    }
}

args! {
    /// A file of this machine.
    pub struct Local {
        /// The path.
        path: String,
    }
}

/// The environment that is meant: the one given, the configured one, `base`.
pub(super) fn saltenv(look: &Look, given: Option<String>) -> String {
    let configured = || look.opts().get("saltenv").and_then(Value::as_str).map(str::to_owned);
    given.or_else(configured).unwrap_or_else(|| "base".to_owned())
}

/// The directory of the cache that holds an environment's files; `None` for what is no environment's name.
pub(super) fn cached(look: &Look, env: &str) -> Option<PathBuf> {
    Below::new(look.cache_dir().join("files")).path(env).filter(|_| !env.contains('/'))
}

/// Where the cache keeps copies of files of this machine.
fn local(look: &Look, path: &str) -> Option<Spot> {
    Below::new(look.cache_dir().join("localfiles")).spot(path.trim_start_matches('/').to_owned())
}

/// Environment and path in the tree of `salt://path?saltenv=env`; `None` for other places.
fn place(look: &Look, url: &str, given: Option<String>) -> Option<(String, String)> {
    let path = url.strip_prefix("salt://")?;
    let (path, query) = path.split_once("?saltenv=").map_or((path, None), |(path, env)| (path, Some(env.to_owned())));
    Some((saltenv(look, query.or(given)), path.to_owned()))
}

/// A file of the tree, of `file://` or of a path, open; `None` when there is none.
pub(super) fn open(look: &Look, url: &str, env: Option<String>) -> Result<Option<Opened>, CallError> {
    if let Some((env, path)) = place(look, url, env.clone()) {
        return look.file_source().open(&env, &path).map_err(fault);
    }
    if web::is_web(url) {
        let saltenv = saltenv(look, env);
        return match web::bring(look, url, &saltenv, &Wanted::default()) {
            Ok(path) => fs::open_file(&path).map(Some).map_err(failed),
            Err(WebError::Refused { status: 404 | 410, .. }) => Ok(None),
            Err(error) => Err(CallError::Failed(error.to_string())),
        };
    }
    let path = Path::new(here(url)?);
    match fs::open_file(path) {
        Ok(file) => Ok(Some(file)),
        Err(missing) if missing.is_missing() => Ok(None),
        Err(other) => Err(failed(other)),
    }
}

/// The path of a file of this machine.
fn here(url: &str) -> Result<&str, CallError> {
    let path = url.strip_prefix("file://").unwrap_or(url);
    if path.contains("://") { Err(CallError::Unsupported(format!("fetching {url}"))) } else { Ok(path) }
}

fn failed(fault: FileFault) -> CallError {
    CallError::Failed(fault.to_string())
}

/// Writes a copy; false when its directory is not there and must not be made.
fn copy(dest: &Path, content: &Opened, makedirs: bool, mode: Option<u32>) -> Result<bool, CallError> {
    let parent = dest.parent().unwrap_or(Path::new("/"));
    if !parent.is_dir() {
        if !makedirs {
            return Ok(false);
        }
        std::fs::create_dir_all(parent).map_err(FileFault::io(parent)).map_err(failed)?;
    } else if mode.is_none() && is_there(dest, content) {
        return Ok(true);
    }
    let options = WriteOptions { mode, ..WriteOptions::default() };
    fs::write_atomic_with(dest, &options, |file| content.copy_to(file).map(drop)).map_err(failed)?;
    Ok(true)
}

/// True for a regular file with this very content: it stays as it is, which costs a tenth of writing it again.
fn is_there(dest: &Path, content: &Opened) -> bool {
    let is_file =
        std::fs::symlink_metadata(dest).is_ok_and(|found| found.is_file() && found.len() == content.stat().size);
    is_file && fs::open_file(dest).is_ok_and(|there| there.holds_the_same(content).unwrap_or(false))
}

/// A destination that is a directory gets the file's own name.
fn target(dest: &str, source: &str) -> PathBuf {
    let name = source.split('?').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    if dest.ends_with('/') || Path::new(dest).is_dir() { Path::new(dest).join(name) } else { PathBuf::from(dest) }
}

/// What a copy returns: its path, an empty text without a source, false without a place.
fn copied(dest: &Path, content: Option<Opened>, makedirs: bool, mode: Option<u32>) -> CallResult {
    let Some(content) = content else { return Ok("".into()) };
    if !copy(dest, &content, makedirs, mode)? {
        return Ok(false.into());
    }
    Ok(dest.to_string_lossy().into_owned().into())
}

fn render(look: &Look, text: &str, name: &str, env: String, context: Map) -> Result<String, CallError> {
    let scope = Scope { saltenv: env, facts: Arc::new(look.clone()), context };
    let template = Template { text, path: name, sls: None };
    look.renderer().text(&scope, &template).map_err(CallError::Diagnostic)
}

fn only_jinja(engine: &str) -> Result<(), CallError> {
    match engine {
        "jinja" => Ok(()),
        other => Err(CallError::Failed(format!("Attempted to render file paths with unavailable engine {other}"))),
    }
}

pub(super) fn get_file(act: &Act, arguments: Arguments) -> CallResult {
    let mut args = GetFile::bind("cp.get_file", arguments)?;
    if let Some(engine) = args.template.as_deref().filter(|engine| !engine.is_empty()) {
        only_jinja(engine)?;
        let env = saltenv(act, args.saltenv.clone());
        args.path = render(act, &args.path, "<path>", env.clone(), Map::new())?;
        args.dest = render(act, &args.dest, "<dest>", env, Map::new())?;
    }
    let content = open(act, &args.path, args.saltenv)?;
    copied(&target(&args.dest, &args.path), content, args.makedirs, None)
}

pub(super) fn get_template(act: &Act, arguments: Arguments) -> CallResult {
    let args = GetTemplate::bind("cp.get_template", arguments)?;
    only_jinja(&args.template)?;
    let env = saltenv(act, args.saltenv.clone());
    let Some(content) = open(act, &args.path, args.saltenv)? else { return Ok("".into()) };
    let content = content.whole(LIMIT).map_err(FileFault::io(Path::new(&args.path))).map_err(failed)?;
    let text = String::from_utf8(content)
        .map_err(|_| CallError::Failed(format!("{} is not UTF-8 text and no template", args.path)))?;
    let name = args.path.strip_prefix("salt://").unwrap_or(&args.path);
    let rendered = render(act, &text, name, env, args.context)?;
    // What a template puts together may be secret.
    copied(
        &target(&args.dest, &args.path),
        Some(Opened::in_memory(rendered.into_bytes().into(), FileStat::default())),
        args.makedirs,
        Some(0o600),
    )
}

/// Files of a directory of the tree, `salt://dir` or `salt://`, all of which will be read.
fn below(look: &Look, function: &str, url: &str, env: Option<String>) -> Result<(String, Vec<String>), CallError> {
    let Some((env, directory)) = place(look, url, env) else {
        return Err(CallError::Unsupported(format!("{function} of {url}: only salt:// paths are")));
    };
    let prefix = directory.trim_matches('/');
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let source = look.file_source();
    source.prefetch(&env, &prefix).map_err(fault)?;
    let files = source.list(&env, &prefix).map_err(fault)?;
    Ok((env, files))
}

pub(super) fn get_dir(act: &Act, arguments: Arguments) -> CallResult {
    let args = GetDir::bind("cp.get_dir", arguments)?;
    let (env, files) = below(act, "cp.get_dir", &args.path, args.saltenv)?;
    // The directory's own name stays, those above it do not.
    let directory = args.path.trim_start_matches("salt://").split('?').next().unwrap_or_default().trim_matches('/');
    let above = directory.rfind('/').map_or(0, |slash| slash + 1);
    let mut written = Vec::new();
    for file in files {
        let dest = Path::new(&args.dest).join(&file[above..]);
        if let Some(content) = act.file_source().open(&env, &file).map_err(fault)? {
            copy(&dest, &content, true, None)?;
            written.push(dest.to_string_lossy().into_owned());
        }
    }
    Ok(written.into())
}

pub(super) fn get_url(act: &Act, arguments: Arguments) -> CallResult {
    let args = GetUrl::bind("cp.get_url", arguments)?;
    let Value::Str(dest) = &args.dest else {
        if !args.dest.is_null() {
            return Err(CallError::Invocation(format!(
                "cp.get_url: 'dest' is a path or null, not {}",
                args.dest.kind()
            )));
        }
        return text(act, &args.path, args.saltenv);
    };
    if web::is_web(&args.path) {
        if dest.is_empty() {
            return Ok(cache_url(act, &args.path, args.saltenv)?.into());
        }
        let content = open(act, &args.path, args.saltenv)?;
        return copied(&target(dest, &args.path), content, args.makedirs, None);
    }
    let Some((env, path)) = place(act, &args.path, args.saltenv) else {
        // A file of this machine is where it should be already.
        let path = here(&args.path)?;
        return Ok(if Path::new(path).exists() { path.into() } else { "".into() });
    };
    if dest.is_empty() {
        return Ok(cache(act, &env, &path)?.into());
    }
    let content = act.file_source().open(&env, &path).map_err(fault)?;
    copied(&target(dest, &args.path), content, args.makedirs, None)
}

/// The content of a file as text; false for one of the tree that is not there.
fn text(look: &Look, url: &str, env: Option<String>) -> CallResult {
    let Some(content) = open(look, url, env)? else {
        return match url.starts_with("salt://") {
            true => Ok(false.into()),
            false => Err(CallError::Failed(format!("{url}: No such file or directory"))),
        };
    };
    let content = content.whole(LIMIT).map_err(FileFault::io(Path::new(url))).map_err(failed)?;
    let text = String::from_utf8(content);
    Ok(text.map_err(|_| CallError::Failed(format!("{url} is not in UTF-8 and no text")))?.into())
}

/// Brings a file into the cache; its path there, or an empty text.
fn cache(act: &Act, env: &str, path: &str) -> Result<String, CallError> {
    let store = Store::new(act.cache_dir());
    if store.path(env, path).is_none() {
        return Ok(String::new());
    }
    let Some(content) = act.file_source().open(env, path).map_err(fault)? else { return Ok(String::new()) };
    let local = store.copy(env, path, &content).map_err(FileFault::io(Path::new(path))).map_err(failed)?;
    Ok(local.to_string_lossy().into_owned())
}

fn cache_url(act: &Act, url: &str, env: Option<String>) -> Result<String, CallError> {
    if let Some((env, path)) = place(act, url, env.clone()) {
        return cache(act, &env, &path);
    }
    if web::is_web(url) {
        let found = open(act, url, env.clone())?.and_then(|_| web::place(act, url, &saltenv(act, env)));
        return Ok(found.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default());
    }
    let path = here(url)?;
    Ok(if Path::new(path).exists() { path.to_owned() } else { String::new() })
}

pub(super) fn cache_file(act: &Act, arguments: Arguments) -> CallResult {
    let args = One::bind("cp.cache_file", arguments)?;
    let kept = cache_url(act, &args.path, args.saltenv)?;
    // What is not there is answered so, and templates ask for the truth of the answer.
    Ok(if kept.is_empty() { Value::Bool(false) } else { Value::from(kept) }.into())
}

pub(super) fn cache_files(act: &Act, arguments: Arguments) -> CallResult {
    let args = Several::bind("cp.cache_files", arguments)?;
    let paths: Result<Vec<String>, CallError> =
        args.paths.iter().map(|path| cache_url(act, path, args.saltenv.clone())).collect();
    Ok(paths?.into())
}

pub(super) fn cache_dir(act: &Act, arguments: Arguments) -> CallResult {
    let args = One::bind("cp.cache_dir", arguments)?;
    let (env, files) = below(act, "cp.cache_dir", &args.path, args.saltenv)?;
    let paths: Result<Vec<String>, CallError> = files.iter().map(|file| cache(act, &env, file)).collect();
    Ok(paths?.into())
}

pub(super) fn cache_master(act: &Act, arguments: Arguments) -> CallResult {
    let args = Environment::bind("cp.cache_master", arguments)?;
    let env = saltenv(act, args.saltenv);
    let source = act.file_source();
    source.prefetch(&env, &args.prefix).map_err(fault)?;
    let files = source.list(&env, &args.prefix).map_err(fault)?;
    let paths: Result<Vec<String>, CallError> = files.iter().map(|file| cache(act, &env, file)).collect();
    Ok(paths?.into())
}

pub(super) fn cache_local_file(act: &Act, arguments: Arguments) -> CallResult {
    let path = Local::bind("cp.cache_local_file", arguments)?.path;
    let Some(spot) = local(act, &path) else { return Ok("".into()) };
    let Some(content) = open(act, &path, None)? else { return Ok("".into()) };
    // A file of this machine may be secret; its copy is for us alone.
    let written = spot.below.write(&spot.name, |file| content.copy_to(file).map(drop));
    written.map_err(FileFault::io(&spot.path)).map_err(failed)?;
    Ok(spot.path.to_string_lossy().into_owned().into())
}

pub(super) fn push(_: &Act, arguments: Arguments) -> CallResult {
    let path = Local::bind("cp.push", arguments)?.path;
    Err(CallError::Unsupported(format!("cp.push of {path}")))
}

pub(super) fn hash_file(look: &Look, arguments: Arguments) -> CallResult {
    let args = One::bind("cp.hash_file", arguments)?;
    let opts = look.opts();
    let kind = opts.get("hash_type").and_then(Value::as_str).unwrap_or("sha256");
    let answer = |sum: &str| Ok(Map::from_iter([("hsum", sum), ("hash_type", kind)]).into());
    if let Some((env, path)) = place(look, &args.path, args.saltenv.clone())
        && let Some(stat) = look.file_source().stat(&env, &path).map_err(fault)?
        && let Some(sum) = stat.sha256.filter(|_| kind == "sha256")
    {
        return answer(&digest::hex(&sum));
    }
    let Some(content) = open(look, &args.path, args.saltenv)? else { return Ok("".into()) };
    let Some(mut sum) = digest::Digest::new(kind) else {
        return Err(CallError::Failed(format!("there is no hash_type '{kind}'")));
    };
    let summed = content.pieces(|piece| {
        sum.update(piece);
        Ok(())
    });
    summed.map_err(FileFault::io(Path::new(&args.path))).map_err(failed)?;
    answer(&digest::hex(&sum.finish()))
}

pub(super) fn stat_file(look: &Look, arguments: Arguments) -> CallResult {
    let args = StatFile::bind("cp.stat_file", arguments)?;
    let mode = match place(look, &args.path, args.saltenv) {
        Some((env, path)) => look.file_source().stat(&env, &path).map_err(fault)?.map(|stat| stat.mode),
        None => open(look, &args.path, None)?.map(|file| file.stat().mode),
    };
    Ok(match mode {
        None => Value::Null,
        Some(mode) if args.octal => format!("0{mode:03o}").into(),
        Some(mode) => Value::Int(i64::from(REGULAR | mode)),
    }
    .into())
}

pub(super) fn is_cached(look: &Look, arguments: Arguments) -> CallResult {
    let args = One::bind("cp.is_cached", arguments)?;
    let local = match place(look, &args.path, args.saltenv.clone()) {
        Some((env, path)) => Store::new(look.cache_dir()).path(&env, &path),
        None if web::is_web(&args.path) => web::place(look, &args.path, &saltenv(look, args.saltenv)),
        None => local(look, &args.path).map(|spot| spot.path),
    };
    let found = local.filter(|local| local.is_file());
    Ok(found.map(|local| local.to_string_lossy().into_owned()).unwrap_or_default().into())
}
