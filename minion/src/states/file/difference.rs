//! The difference of two contents, as changes show it.

use fleet_common::diff::unified;

/// Longest texts that are compared line by line.
const MAX_DIFF: usize = 1 << 20;

/// The difference as changes show it.
pub(crate) fn difference(old: &[u8], new: &[u8]) -> String {
    match (text(old), text(new)) {
        (Some(old), Some(new)) if old.len().max(new.len()) > MAX_DIFF => {
            format!("<{} bytes replaced by {}; too long to show>", old.len(), new.len())
        }
        (Some(old), Some(new)) => unified(old, new, "", ""),
        (None, Some(_)) => "Replace binary file with text file".to_owned(),
        (Some(_), None) => "Replace text file with binary file".to_owned(),
        (None, None) => "Replace binary file".to_owned(),
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    if bytes.contains(&0) { None } else { std::str::from_utf8(bytes).ok() }
}
