//! Command lines of the programs behind cargo's aliases.

use std::ffi::OsString;

/// The command line without the `--` that people write after an alias: `cargo lab -- --small` means `cargo lab --small`.
pub fn arguments() -> Vec<OsString> {
    without_mark(std::env::args_os())
}

fn without_mark(all: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut all: Vec<OsString> = all.collect();
    if all.get(1).is_some_and(|first| first == "--") {
        all.remove(1);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_it_mean_the_same() {
        let read = |words: &[&str]| without_mark(words.iter().map(OsString::from));
        assert_eq!(read(&["lab", "--", "--small"]), read(&["lab", "--small"]));
        assert_eq!(read(&["lab"]), ["lab"]);
    }
}
