//! Finding processes by their command line.

use regex::Regex;

use crate::system::fs::read_bounded;

/// The longest command line that is read.
const LIMIT: u64 = 1 << 20;

/// Ids of the processes whose command line fits the expression, ascending; without our own.
pub fn matching(expression: &Regex) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut found: Vec<u32> = ids
        .filter(|id| *id != std::process::id())
        .filter(|id| {
            let words = read_bounded(format!("/proc/{id}/cmdline").as_ref(), LIMIT).unwrap_or_default();
            let line = String::from_utf8_lossy(&words).replace('\0', " ");
            expression.is_match(line.trim_end())
        })
        .collect();
    found.sort_unstable();
    found
}
