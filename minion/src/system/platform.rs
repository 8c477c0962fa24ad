//! Which operating system this is: `/etc/os-release` and what the kernel says of itself.

use std::collections::BTreeMap;
use std::path::Path;

use super::fs;

/// The assignments of an `os-release` file, quotes removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Release(BTreeMap<String, String>);

impl Release {
    /// Reads the file of the running system; empty when there is none.
    pub fn load() -> Self {
        ["/etc/os-release", "/usr/lib/os-release"]
            .iter()
            .find_map(|path| fs::read_line(Path::new(path)))
            .map(|text| Self::parse(&text))
            .unwrap_or_default()
    }

    /// Reads the assignments of a text; lines that are none are skipped.
    pub fn parse(text: &str) -> Self {
        let assignment = |line: &str| {
            let (key, value) = line.trim().split_once('=')?;
            (!key.starts_with('#')).then(|| (key.to_owned(), unquote(value)))
        };
        Self(text.lines().filter_map(assignment).collect())
    }

    /// The value of a key, if it is there and not empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Removes shell quotes and the escapes inside double quotes.
fn unquote(text: &str) -> String {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return inner.to_owned();
    }
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => out.extend(characters.next()),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_quoted_assignments() {
        let release = Release::parse("# c\nNAME=\"Debian \\\"x\\\" GNU/Linux\"\nID=debian\nEMPTY=\nVERSION_ID='12'\n");
        assert_eq!(release.get("NAME"), Some("Debian \"x\" GNU/Linux"));
        assert_eq!(release.get("VERSION_ID"), Some("12"));
        assert_eq!((release.get("ID"), release.get("EMPTY")), (Some("debian"), None));
    }
}
