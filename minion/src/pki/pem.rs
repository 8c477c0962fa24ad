//! PEM: entries found in a text, with what is around them, and written one way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{PkiError, PkiResult, nonsense};

/// An entry of a text.
struct Entry<'t> {
    label: &'t str,
    /// Old keys say how they are closed in lines before the rest.
    headers: Vec<&'t str>,
    code: String,
}

fn entries(text: &str) -> impl Iterator<Item = Entry<'_>> {
    text.split("-----BEGIN ").skip(1).filter_map(|part| {
        let (label, rest) = part.split_once("-----")?;
        let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
        let headers = body.lines().map(str::trim).filter(|line| line.contains(':')).collect();
        let code = body.lines().filter(|line| !line.contains(':')).flat_map(str::split_whitespace).collect();
        Some(Entry { label, headers, code })
    })
}

/// True for a text with an entry.
pub(super) fn is_pem(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).contains("-----BEGIN ")
}

/// What is in the entries of a kind (its label), in their order; those that are no base64 are an error.
pub(super) fn decoded(text: &str, label: &str) -> PkiResult<Vec<Vec<u8>>> {
    let of_kind = entries(text).filter(|entry| entry.label == label);
    let odd = |_| PkiError::Nonsense(format!("the entry '{label}' is no PEM"));
    of_kind.map(|entry| STANDARD.decode(&entry.code).map_err(odd)).collect()
}

/// Bytes as an entry.
pub(super) fn encoded(label: &str, bytes: &[u8]) -> String {
    written(label, &[], &STANDARD.encode(bytes))
}

/// Lines of 64 signs, as they are written everywhere.
fn written(label: &str, headers: &[&str], code: &str) -> String {
    let mut pem = format!("-----BEGIN {label}-----\n");
    for header in headers {
        pem.push_str(&format!("{header}\n"));
    }
    if !headers.is_empty() {
        pem.push('\n');
    }
    for line in code.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

/// One entry of a text of PEM: the first, or the first of a kind.
pub fn entry(text: &str, kind: Option<&str>) -> PkiResult<String> {
    let Some(found) = entries(text).find(|entry| kind.is_none_or(|kind| kind == entry.label)) else {
        return nonsense(match kind {
            Some(kind) => format!("there is no PEM entry of the kind '{kind}'"),
            None => "there is no PEM entry in what was given".to_owned(),
        });
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    if found.code.is_empty() || !found.code.bytes().all(plain) {
        return nonsense(format!("the entry '{}' is no PEM", found.label));
    }
    Ok(written(found.label, &found.headers, &found.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_and_written_one_way() {
        let text = "x\n-----BEGIN A-----\nQUJD REVG\n-----END A-----\n-----BEGIN B-----\nProc-Type: 4,ENCRYPTED\n\nQUJD\n-----END B-----";
        assert_eq!(entry(text, None).unwrap(), "-----BEGIN A-----\nQUJDREVG\n-----END A-----\n");
        let b = "-----BEGIN B-----\nProc-Type: 4,ENCRYPTED\n\nQUJD\n-----END B-----\n";
        assert_eq!(entry(text, Some("B")).unwrap(), b);
        for (wrong, kind) in [(text, Some("C")), ("x", None), ("-----BEGIN A-----\n<>\n-----END A-----", None)] {
            assert!(entry(wrong, kind).is_err(), "{wrong}");
        }
        assert_eq!(decoded(text, "A").unwrap(), [b"ABCDEF"]);
        assert_eq!(encoded("A", b"ABCDEF"), entry(text, None).unwrap());
        assert!(decoded("-----BEGIN A-----\nQ\n-----END A-----", "A").is_err());
    }
}
