//! What the others share: how bytes are shown, and forms put together.

use fleet_common::digest;
use fleet_common::value::Map;
use x509_cert::der::{Any, Encode, Tag};

use super::{PkiError, PkiResult};

/// What is asked for makes no sense.
pub(super) fn nonsense<T>(text: impl Into<String>) -> PkiResult<T> {
    Err(PkiError::Nonsense(text.into()))
}

/// `A0:8C:09`: bytes as they are shown everywhere here.
pub fn colons(bytes: &[u8]) -> String {
    let hex = digest::hex(bytes).to_ascii_uppercase();
    let pairs: Vec<&str> = (0..hex.len() / 2).map(|at| &hex[at * 2..at * 2 + 2]).collect();
    pairs.join(":")
}

/// A checksum by its name as [`colons`].
pub(super) fn fingerprint(name: &str, bytes: &[u8]) -> String {
    digest::of_bytes(name, bytes).map(|sum| colons(&sum)).unwrap_or_default()
}

/// A form made of parts that are forms already.
pub(super) fn joined(tag: Tag, parts: &[Vec<u8>]) -> PkiResult<Vec<u8>> {
    Ok(Any::new(tag, parts.concat())?.to_der()?)
}

/// Of what is said by names those that are of a kind.
pub(super) fn part(said: &Map, is_of_it: fn(&str) -> bool) -> Map {
    let pairs = said.iter().filter(|(key, _)| key.as_str().is_some_and(is_of_it));
    pairs.map(|(key, value)| (key.clone(), value.clone())).collect()
}
