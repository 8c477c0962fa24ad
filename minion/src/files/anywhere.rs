//! Files by their address, wherever they are: of the tree (`salt://`), of this machine, of a web server.

use std::path::{Path, PathBuf};

use super::store::Store;
use super::web::{self, Wanted};
use crate::cx::Look;
use crate::system::checksum::Checksum;
use crate::system::fs::{plain, read_bounded};

/// Largest list of checksums.
const LIST: u64 = 16 << 20;

/// Why a file cannot be had; a text for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Missing(pub String);

/// The content of a file of at most `most` bytes.
///
/// # Errors
/// A file that is not there or too large, a kind of address that is not known.
pub fn read(look: &Look, address: &str, saltenv: &str, most: u64) -> Result<Vec<u8>, Missing> {
    let missing = |why: String| Missing(why);
    if let Some(rest) = address.strip_prefix("salt://") {
        let (path, env) = rest.split_once("?saltenv=").unwrap_or((rest, saltenv));
        let opened = look.file_source().open(env, path).map_err(|error| missing(error.to_string()))?;
        let opened = opened.ok_or_else(|| missing(not_found(address)))?;
        return opened.whole(most).map_err(|error| missing(format!("{address}: {error}")));
    }
    if web::is_web(address) {
        let path =
            web::bring(look, address, saltenv, &Wanted::default()).map_err(|error| missing(error.to_string()))?;
        return read_bounded(&path, most).map_err(|fault| missing(fault.to_string()));
    }
    let path = address.strip_prefix("file://").unwrap_or(address);
    if let Some((scheme, _)) = path.split_once("://") {
        return Err(missing(format!("{address}: files by {scheme}:// are not supported")));
    }
    read_bounded(Path::new(path), most).map_err(|fault| missing(fault.to_string()))
}

fn not_found(address: &str) -> String {
    format!("File {address} not found")
}

/// A file as a path of this machine: itself, or its copy in the cache; `None` when there is no such file.
///
/// # Errors
/// A file that cannot be brought, a kind of address that is not known.
pub fn path(look: &Look, address: &str, saltenv: &str) -> Result<Option<PathBuf>, Missing> {
    let missing = |why: String| Missing(why);
    if let Some(rest) = address.strip_prefix("salt://") {
        let (path, env) = rest.split_once("?saltenv=").unwrap_or((rest, saltenv));
        return cached(look, env, path);
    }
    if web::is_web(address) {
        let brought = web::bring(look, address, saltenv, &Wanted::default());
        return brought.map(Some).map_err(|error| missing(error.to_string()));
    }
    let path = address.strip_prefix("file://").unwrap_or(address);
    if let Some((scheme, _)) = path.split_once("://") {
        return Err(missing(format!("{address}: files by {scheme}:// are not supported")));
    }
    Ok(Some(PathBuf::from(path)).filter(|path| path.exists()))
}

/// A file of the tree as its copy in the cache.
fn cached(look: &Look, env: &str, path: &str) -> Result<Option<PathBuf>, Missing> {
    let missing = |why: String| Missing(why);
    let store = Store::new(look.cache_dir());
    if store.path(env, path).is_none() {
        return Ok(None);
    }
    let found = look.file_source().open(env, path).map_err(|error| missing(error.to_string()))?;
    let Some(content) = found else { return Ok(None) };
    // What came from a master is there by now; a tree on this machine is copied.
    let local = store.copy(env, path, &content);
    local.map(Some).map_err(|error| missing(format!("{path}: the minion's cache: {}", plain(&error))))
}

/// The checksum that `source_hash` announces: written out, or the address of a list that has it under one of `names`.
///
/// # Errors
/// A text that is neither, a list that cannot be had or holds no checksum.
pub fn announced(look: &Look, source_hash: &str, saltenv: &str, names: &[&str]) -> Result<Checksum, Missing> {
    if let Some(sum) = Checksum::written(source_hash) {
        return Ok(sum);
    }
    if !source_hash.starts_with('/') && !source_hash.contains("://") {
        return Err(Missing(format!(
            "Source hash {source_hash} format is invalid. The supported formats are: a hash, an expression in the format \
             <hash_type>=<hash>, or the path or address of a file of hashes"
        )));
    }
    let list = read(look, source_hash, saltenv, LIST).map_err(|missing| match missing.0 == not_found(source_hash) {
        true => Missing(format!("Source hash file {source_hash} not found")),
        false => missing,
    })?;
    let found = Checksum::listed(&String::from_utf8_lossy(&list), "", names);
    found.ok_or_else(|| Missing(format!("Source hash file {source_hash} does not contain a hash")))
}
