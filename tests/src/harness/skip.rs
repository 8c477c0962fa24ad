//! Saying that a test could not run here, with the reason; the suite counts these and refuses them for root.

use std::io::Write;

/// Notes that a test is skipped. To be followed by `return`, and only where the reason is true.
pub fn skip(test: &str, reason: &str) {
    eprintln!("skipped: {test}: {reason}");
    if let Some(path) = std::env::var_os("SUITE_SKIPS") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| writeln!(file, "{test}: {reason}"));
    }
}
