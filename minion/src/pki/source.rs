//! What a tree means by a key, a certificate, a request or a list: PEM, base64, hexadecimal, or the path of a file.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{PkiResult, nonsense, pem};
use crate::system::fs::read_bounded;

/// Largest file of keys and certificates.
pub const MOST: u64 = 4 << 20;

/// The bytes that are meant: a text of PEM as it is, what is in a file, or what base64 or hexadecimal stands for.
pub fn bytes(given: &str) -> PkiResult<Vec<u8>> {
    if given.contains("-----BEGIN ") {
        return Ok(given.as_bytes().to_vec());
    }
    let path = Path::new(given);
    if path.is_absolute() && path.is_file() {
        return Ok(read_bounded(path, MOST)?);
    }
    let code: String = given.split_whitespace().collect();
    match hexadecimal(&code).or_else(|| STANDARD.decode(&code).ok()) {
        // Forms of X.509 begin with the sign of a sequence: a mistyped path is none.
        Some(bytes) if bytes.first() == Some(&0x30) => Ok(bytes),
        _ => nonsense(format!(
            "Could not load {}: it is neither PEM, base64 or hexadecimal nor the absolute path of a file that is there",
            if given.len() > 200 { "what was given" } else { given }
        )),
    }
}

/// Pairs of hexadecimal digits, with or without colons between them.
pub(super) fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<char> = text.chars().filter(|c| *c != ':').collect();
    let pairs = digits.chunks(2).map(|pair| {
        let [high, low] = pair else { return None };
        u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok()
    });
    pairs.collect::<Option<Vec<u8>>>().filter(|bytes| !bytes.is_empty())
}

/// The forms of a kind in bytes: all entries of PEM with that label, or the bytes themselves.
pub(super) fn forms(bytes: &[u8], label: &str, noun: &str) -> PkiResult<Vec<Vec<u8>>> {
    if !pem::is_pem(bytes) {
        return Ok(vec![bytes.to_vec()]);
    }
    let found = pem::decoded(&String::from_utf8_lossy(bytes), label)?;
    if found.is_empty() { nonsense(format!("Could not load PEM-encoded {noun}.")) } else { Ok(found) }
}
