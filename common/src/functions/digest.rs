//! Digests by name, as hexadecimal text: shared by `hashutil`, `random` and the template filters.

use md5::{Digest, Md5};
use ring::digest as sha;

/// The digest of some bytes; `None` for an algorithm that is not known.
pub(crate) fn hex(algorithm: &str, bytes: &[u8]) -> Option<String> {
    let kind = match algorithm {
        "md5" => return Some(text(&Md5::digest(bytes))),
        "sha1" => &sha::SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => &sha::SHA256,
        "sha384" => &sha::SHA384,
        "sha512" => &sha::SHA512,
        _ => return None,
    };
    Some(text(sha::digest(kind, bytes).as_ref()))
}

/// HMAC with SHA-256.
pub(crate) fn hmac_sha256(text: &str, secret: &str) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    ring::hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

/// Bytes as hexadecimal text.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
