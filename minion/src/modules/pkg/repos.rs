//! Functions of `pkg` for the sources of packages, and what `pkgrepo` shares with them.

use std::path::{Path, PathBuf};

use base64::Engine;
use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use super::change::refresh;
use super::provider::{apt, is_dnf};
use super::query::Nothing;
use super::yum_repos::{facts, yum_configure, yum_find};
use crate::cx::{Act, Look};
use crate::system::apt::sources::{Source, list, text, with_source, without_source, without_stanza};
use crate::system::apt::{Apt, Places};
use crate::system::dnf;
use crate::system::fs::{FileFault, WriteOptions, read_bounded, write_atomic};

/// The largest key that is read.
const KEY_LIMIT: u64 = 1 << 20;

args! {
    /// A source.
    pub struct Get {
        /// Its line, or its id with dnf.
        repo: String,
        /// Taken for calls written for the reference.
        **kwargs: Map,
    }
}

args! {
    /// Arguments of `pkg.mod_repo` and `pkgrepo.managed`.
    pub struct Managed {
        /// Its line (`deb [options] address suite components`), or its id with dnf.
        name: String,
        /// The file it is to stand in; default the one it stands in, else `sources.list`.
        file: Option<String> = None,
        /// Comment it out.
        disabled: Option<bool> = None,
        /// The contrary of disabled.
        enabled: Option<bool> = None,
        /// Only for these architectures.
        architectures: Vec<String> = Vec::new(),
        /// Components instead of those of the line.
        comps: Vec<String> = Vec::new(),
        /// Suite instead of that of the line.
        dist: Option<String> = None,
        /// Where the key is that signs it: `salt://`, a path or an address.
        key_url: Option<String> = None,
        /// The key's content.
        key_text: Option<String> = None,
        /// Id of a key on a key server; give key_url instead.
        keyid: Value = Value::Null,
        /// A key server.
        keyserver: Option<String> = None,
        /// File for the key, named by the source from then on.
        signedby: Option<String> = None,
        /// Put the key among those trusted for all sources when the source names no file for it.
        aptkey: bool = true,
        /// Not used: sources are never spread over files here.
        consolidate: bool = false,
        /// Remarks behind the source.
        comments: Vec<String> = Vec::new(),
        /// Nothing else stays in the file.
        clean_file: bool = false,
        /// Fetch the package indexes afterwards.
        refresh: bool = true,
        /// The former name of refresh.
        refresh_db: Option<bool> = None,
        /// An archive of Launchpad: only its line can be given.
        ppa: Option<String> = None,
        /// A name for people; apt has no place for it.
        humanname: Option<String> = None,
        /// Addresses of the repository; dnf only.
        baseurl: Option<Value> = None,
        /// Where a list of its addresses is; dnf only.
        mirrorlist: Option<String> = None,
        /// Whether signatures of packages are checked; dnf only.
        gpgcheck: Value = Value::Null,
        /// Where the keys are that sign the packages; dnf only.
        gpgkey: Value = Value::Null,
        /// Options of a repository of dnf by name, an empty value takes one away; `basedir` is where a new file goes.
        **options: Map,
    }
}

/// A source as the functions return it.
#[derive(Debug, Clone)]
pub struct Repository(pub Source);

impl Repository {
    /// The mapping the reference gives.
    pub fn value(&self) -> Map {
        let source = &self.0;
        let architectures: Vec<&str> = source.option("arch").map(|list| list.split(',').collect()).unwrap_or_default();
        Map::from_iter([
            ("file", Value::from(source.file.to_string_lossy().into_owned())),
            ("comps", source.comps.clone().into()),
            ("disabled", source.disabled.into()),
            ("dist", source.dist.as_str().into()),
            ("type", source.kind.as_str().into()),
            ("uri", source.uri.as_str().into()),
            ("line", source.line().into()),
            ("architectures", architectures.into()),
            ("signedby", source.option("signed-by").unwrap_or_default().into()),
        ])
    }
}

fn fault(fault: FileFault) -> CallError {
    CallError::Failed(fault.to_string())
}

/// The source a line names.
fn named(line: &str) -> Result<Source, CallError> {
    if line.starts_with("ppa:") {
        return Err(CallError::Unsupported(format!("'{line}': archives of Launchpad; give the source's whole line")));
    }
    Source::parse(line).ok_or_else(|| {
        CallError::Invocation(format!(
            "Name {line} is not valid. This must be the complete repo entry as seen in the sources file"
        ))
    })
}

/// The configured source of the same place.
pub fn find(places: &Places, line: &str) -> Result<Option<Source>, CallError> {
    let wanted = named(line)?;
    Ok(list(places).map_err(fault)?.into_iter().find(|source| source.is_same_place(&wanted)))
}

/// What configuring a source comes to.
#[derive(Debug, Clone)]
pub struct Configured {
    /// The source as it is to be.
    pub source: Source,
    /// What it was.
    pub former: Option<Source>,
    /// File and content of its key, if that is to be written.
    pub key: Option<(PathBuf, Vec<u8>)>,
    /// The whole text of its file, unless that stays.
    pub text: Option<String>,
}

impl Configured {
    /// True when nothing is to be written.
    pub fn is_settled(&self) -> bool {
        self.text.is_none() && self.key.is_none()
    }

    /// Writes key, then source.
    pub fn apply(&self) -> Result<(), CallError> {
        let options = WriteOptions { mode: Some(0o644), ..WriteOptions::default() };
        if let Some((path, key)) = &self.key {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(|error| fault(FileFault::io(parent)(error)))?;
            }
            write_atomic(path, key, &options).map_err(fault)?;
        }
        if let Some(text) = &self.text {
            write_atomic(&self.source.file, text.as_bytes(), &options).map_err(fault)?;
        }
        Ok(())
    }
}

/// What is to be written so that a source is configured as asked. `key` is the key's content.
pub fn configure(places: &Places, args: &Managed, key: Option<Vec<u8>>) -> Result<Configured, CallError> {
    if let Some(ppa) = &args.ppa {
        return Err(CallError::Unsupported(format!(
            "'ppa: {ppa}': archives of Launchpad; give the source's whole line"
        )));
    }
    if key.is_none() && (args.keyid.truthy() || args.keyserver.is_some()) {
        return Err(CallError::Unsupported(
            "fetching a key from a key server ('keyid', 'keyserver'); give 'key_url'".to_owned(),
        ));
    }
    if let Some((odd, _)) = args.options.iter().next() {
        let odd = odd.as_str().unwrap_or_default();
        return Err(CallError::Invocation(format!("'{odd}' is no argument of a source of apt")));
    }
    let mut source = named(&args.name)?;
    let former = list(places).map_err(fault)?.into_iter().find(|other| other.is_same_place(&source));
    source.disabled |= args.disabled.unwrap_or(args.enabled == Some(false));
    if let Some(dist) = &args.dist {
        source.dist.clone_from(dist);
    }
    if !args.comps.is_empty() {
        source.comps.clone_from(&args.comps);
    }
    if !args.architectures.is_empty() {
        source.set_option("arch", &args.architectures.join(","));
    }
    if let Some(path) = &args.signedby {
        source.set_option("signed-by", path);
    }
    if !args.comments.is_empty() {
        source.comment = args.comments.join(" ");
    }
    let given = args.file.as_ref().map(PathBuf::from);
    let file = given.or_else(|| former.as_ref().filter(|former| !former.paragraph).map(|former| former.file.clone()));
    source.file = file.unwrap_or_else(|| places.sources.clone());
    let key = match key {
        Some(key) => placed_key(places, args, &source, key)?,
        None => None,
    };
    let settled = |former: &Source| {
        let same = Source { file: source.file.clone(), paragraph: former.paragraph, ..source.clone() };
        // A paragraph says the same elsewhere; a line must stand where it was asked for.
        former.line() == same.line() && (former.paragraph || former.file == source.file || args.file.is_none())
    };
    let is_settled = former.as_ref().is_some_and(settled) && !args.clean_file;
    let text = if is_settled {
        None
    } else {
        let old = text(&source.file).map_err(fault)?;
        let base = if args.clean_file { "" } else { old.as_str() };
        Some(with_source(base, &source)).filter(|new| *new != old)
    };
    Ok(Configured { source, former, key, text })
}

/// Where a key goes and in which form; none when it is there already.
fn placed_key(
    places: &Places,
    args: &Managed,
    source: &Source,
    key: Vec<u8>,
) -> Result<Option<(PathBuf, Vec<u8>)>, CallError> {
    let armored = key.starts_with(b"-----BEGIN PGP");
    let path = match source.option("signed-by") {
        Some(path) => PathBuf::from(path),
        None if !args.aptkey => {
            let text = "a key with 'aptkey: False' needs a file: 'signedby', or [signed-by=...] in the source's line";
            return Err(CallError::Invocation(text.to_owned()));
        }
        None => {
            let etc = places.sources.parent().unwrap_or(Path::new("/etc/apt"));
            let name: String = source.uri.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            etc.join("trusted.gpg.d").join(format!("{name}.{}", if armored { "asc" } else { "gpg" }))
        }
    };
    let plain = path.extension().is_some_and(|ending| ending == "gpg" || ending == "pgp");
    let key = if armored && plain { dearmored(&key)? } else { key };
    let there = read_bounded(&path, KEY_LIMIT).is_ok_and(|now| now == key);
    Ok((!there).then_some((path, key)))
}

/// The bytes of a key in its text form.
fn dearmored(key: &[u8]) -> Result<Vec<u8>, CallError> {
    let text = String::from_utf8_lossy(key);
    let body = text.split_once("-----BEGIN").and_then(|(_, rest)| rest.split_once("-----\n"));
    let body = body.and_then(|(_, rest)| rest.split_once("-----END")).map(|(body, _)| body);
    // Headers end with an empty line, the checksum starts with an equals sign.
    let lines = body.map(|body| body.replace('\r', "")).unwrap_or_default();
    let lines = lines.split_once("\n\n").map_or(lines.as_str(), |(_, data)| data);
    let data: String = lines.lines().map(str::trim).filter(|line| !line.starts_with('=')).collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(data).ok().filter(|bytes| !bytes.is_empty());
    bytes.ok_or_else(|| CallError::Failed("the key is neither a binary nor an armored OpenPGP key".to_owned()))
}

/// The content of the key that arguments name, fetched to this machine.
pub fn key(act: &Act, args: &Managed, saltenv: &str) -> Result<Option<Vec<u8>>, CallError> {
    if let Some(text) = &args.key_text {
        return Ok(Some(text.clone().into_bytes()));
    }
    let Some(url) = &args.key_url else { return Ok(None) };
    let path = if url.starts_with('/') {
        url.clone()
    } else {
        match act.run("cp.cache_file", Arguments::positional([url.as_str()]).with("saltenv", saltenv))?.value {
            Value::Str(path) if !path.is_empty() => path,
            _ => return Err(CallError::Failed(format!("Unable to cache {url}"))),
        }
    };
    Ok(Some(read_bounded(Path::new(&path), KEY_LIMIT).map_err(fault)?))
}

/// Removes a source; true if its whole file went.
pub fn remove(source: &Source) -> Result<bool, CallError> {
    let old = text(&source.file).map_err(fault)?;
    let new = if source.paragraph {
        without_stanza(&old, source).ok_or_else(|| {
            CallError::Failed(format!(
                "{}: the paragraph with '{}' holds other sources, too; take it out by hand",
                source.file.display(),
                source.line()
            ))
        })?
    } else {
        without_source(&old, source)
    };
    let in_parts = source.file.parent().is_some_and(|parent| parent.ends_with("sources.list.d"));
    if new.trim().is_empty() && in_parts {
        std::fs::remove_file(&source.file).map_err(|error| fault(FileFault::io(&source.file)(error)))?;
        return Ok(true);
    }
    write_atomic(&source.file, new.as_bytes(), &WriteOptions::default()).map_err(fault)?;
    Ok(false)
}

pub(super) fn list_repos(look: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("pkg.list_repos", arguments)?;
    let mut found = Map::new();
    if is_dnf(look, "pkg.list_repos")? {
        for repository in dnf::repos::list(&yum(look, "pkg.list_repos")?).map_err(fault)? {
            let mut all = facts(&repository);
            all.insert("file", repository.file.to_string_lossy().into_owned());
            found.insert(repository.id, all);
        }
        return Ok(found.into());
    }
    for source in list(&apt(look, "pkg.list_repos")?.places).map_err(fault)? {
        let all = found.entry_or_insert_with(source.uri.as_str(), || Value::List(Vec::new()));
        if let Value::List(all) = all {
            all.push(Repository(source).value().into());
        }
    }
    Ok(found.into())
}

pub(super) fn get_repo(look: &Look, arguments: Arguments) -> CallResult {
    let args = Get::bind("pkg.get_repo", arguments)?;
    if is_dnf(look, "pkg.get_repo")? {
        let found = yum_find(&yum(look, "pkg.get_repo")?, &args.repo)?;
        return Ok(found.map(|repository| facts(&repository)).unwrap_or_default().into());
    }
    let apt = apt(look, "pkg.get_repo")?;
    Ok(find(&apt.places, &args.repo)?.map(|source| Repository(source).value()).unwrap_or_default().into())
}

pub(super) fn mod_repo(act: &Act, arguments: Arguments) -> CallResult {
    let mut arguments = arguments;
    let is_dnf = is_dnf(act, "pkg.mod_repo")?;
    if is_dnf
        && (arguments.keyword.contains("repo") || !arguments.positional.is_empty())
        && let Some(name) = arguments.keyword.remove("name")
    {
        arguments.keyword.insert("humanname", name);
    }
    if let Some(repo) = arguments.keyword.remove("repo") {
        arguments.keyword.insert("name", repo);
    }
    let args = Managed::bind("pkg.mod_repo", arguments)?;
    if is_dnf {
        let configured = yum_configure(&yum(act, "pkg.mod_repo")?, &args, false)?;
        if !configured.is_settled() {
            dnf::repos::write(&configured.repository).map_err(fault)?;
        }
        let file = configured.repository.file.to_string_lossy().into_owned();
        let told = Map::from_iter([(args.name, facts(&configured.repository))]);
        return Ok(Map::from_iter([(file, told)]).into());
    }
    let apt: Apt<'_> = apt(act, "pkg.mod_repo")?;
    let key = key(act, &args, "base")?;
    let configured = configure(&apt.places, &args, key)?;
    configured.apply()?;
    if args.refresh_db.unwrap_or(args.refresh) && !configured.is_settled() {
        refresh(&apt, 0)?;
    }
    Ok(Map::from_iter([(args.name, Repository(configured.source).value())]).into())
}

pub(super) fn del_repo(act: &Act, arguments: Arguments) -> CallResult {
    let args = Get::bind("pkg.del_repo", arguments)?;
    if is_dnf(act, "pkg.del_repo")? {
        let found = yum_find(&yum(act, "pkg.del_repo")?, &args.repo)?;
        let repository =
            found.ok_or_else(|| CallError::Failed(format!("Error: the {} repo does not exist", args.repo)))?;
        let whole = dnf::repos::remove(&repository).map_err(fault)?;
        return Ok(removed(&args.repo, &repository.file, whole).into());
    }
    let apt = apt(act, "pkg.del_repo")?;
    let Some(source) = find(&apt.places, &args.repo)? else {
        return Err(CallError::Failed(format!("Repo {} doesn't exist in the sources.list(s)", args.repo)));
    };
    let whole = remove(&source)?;
    Ok(removed(&args.repo, &source.file, whole).into())
}

fn removed(name: &str, file: &Path, whole: bool) -> String {
    let file = file.display();
    if whole {
        format!("File {file} containing repo '{name}' has been removed.")
    } else {
        format!("Repo '{name}' has been removed from {file}")
    }
}

/// Where dnf has its repositories.
fn yum(look: &Look, function: &str) -> Result<dnf::Places, CallError> {
    Ok(super::provider::dnf(look, function)?.places)
}
