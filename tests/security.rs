//! What `docs/security.md` and `docs/health.md` promise: that the tests they name are there, and what can be seen in the
//! sources alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources must fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How many vulnerabilities of the reference were published.
const PUBLISHED: usize = 49;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// True when there is the test that a cell of a table names, `file::test`.
fn is_test(cell: &str) -> bool {
    cell.trim_matches('`').split_once("::").is_some_and(|(file, name)| has_test(&root().join(file), name))
}

/// True when the file has a test of that name.
fn has_test(file: &Path, name: &str) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let begins = |line: &str| ["fn ", "async fn "].iter().any(|word| line.starts_with(&format!("{word}{name}(")));
    lines.windows(2).any(|pair| (pair[0] == "#[test]" || pair[0].starts_with("#[tokio::test")) && begins(pair[1]))
}

#[test]
fn every_row_of_the_table_names_a_test_that_is_there() {
    let text = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let (mut seen, mut missing) = (BTreeSet::new(), Vec::new());
    for row in text.lines().filter(|line| line.starts_with("| CVE-")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [cve, wrong, holds, test] = cells[..] else { panic!("{row}") };
        assert!(seen.insert(cve), "{cve} stands there twice");
        assert!(!wrong.is_empty() && !holds.is_empty(), "{row}");
        if !is_test(test) {
            missing.push(format!("{cve}: {test}"));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert_eq!(seen.len(), PUBLISHED);
    assert!(!has_test(&root().join("tests/security.rs"), "no_such_test"));
}

#[test]
fn every_counter_names_a_test_that_sees_it_rise() {
    let text = fs::read_to_string(root().join("docs/health.md")).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    let is_good = |row: &str| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, says, test] = cells[..] else { panic!("{row}") };
        !says.is_empty() && is_test(test)
    };
    let missing: Vec<_> = rows.iter().filter(|row| !is_good(row)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(rows.len() > 40, "{}", rows.len());
}

/// Nothing a peer sends can end in a command line where there is none.
#[test]
fn the_master_starts_no_program() {
    let mut files = Vec::new();
    sources(&root().join("master/src"), &mut files);
    sources(&root().join("common/src"), &mut files);
    assert!(files.len() > 200);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for word in ["process::Command", "Command::new", "execve", "posix_spawn", "fork("] {
            assert!(!text.contains(word), "{}: {word}", file.display());
        }
    }
}

#[test]
fn yaml_builds_no_objects() {
    for text in [
        "!!python/object/apply:os.system ['touch /tmp/built']",
        "a: !!python/object:subprocess.Popen {}",
        "!!python/name:os.system",
        "!!python/module:os",
        "- !!ruby/object:Gem::Requirement {}",
        "!<tag:yaml.org,2002:python/object/new:os.system> [id]",
    ] {
        let fault = fleet_common::yaml::load(text, "data").unwrap_err().to_string();
        assert!(fault.contains("could not determine a constructor"), "{text}: {fault}");
    }
}
