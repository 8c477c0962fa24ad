//! House rules that a machine can check. Each failure names file, line and rule; an exception is listed with its reason.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the tree must fail")]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest file and function, in lines, tests apart.
const MAX_FILE: usize = 500;
const MAX_FUNCTION: usize = 80;

/// Files or functions over a limit, each with the reason.
const LONG: &[(&str, &str)] = &[];

/// Packages and the only folder that may name them.
const OWNERS: &[(&str, &[&str])] = &[
    ("zeromq", &["common/src/transport/"]),
    ("ring", &["common/src/crypto/"]),
    ("snow", &["common/src/crypto/"]),
    ("serde_yaml", &["common/src/yaml/"]),
    ("unsafe_libyaml", &["common/src/yaml/"]),
    ("minijinja", &["common/src/render/jinja/"]),
    ("sled", &["master/src/store/"]),
    ("clap", &["master/src/cli/", "minion/src/cli/", "master/src/bin/", "minion/src/bin/", "tests/"]),
];

/// Folders of `common/src` that are pure: no runtime, file system, clock or environment.
const PURE: &[&str] = &[
    "ids.rs",
    "rules.rs",
    "value/",
    "proto/",
    "target/",
    "render/",
    "pillar/",
    "state/",
    "output/",
    "functions/",
    "call/",
    "yaml/",
];

/// What pure code may not name.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::env",
    "std::process",
    "SystemTime::now",
    "Instant::now",
    "tokio::",
    "std::thread",
];

/// Pure files that name something impure, each with the reason.
const IMPURE_ALLOWED: &[(&str, &str)] = &[(
    "common/src/functions/test/answers.rs",
    "test.sleep sleeps and test.fib tells its time: that is what they are for",
)];

struct Source {
    /// Path below the workspace.
    name: String,
    /// Lines before the file's test module.
    code: Vec<String>,
}

#[test]
fn crates_depend_in_one_direction() {
    for (member, forbidden) in [
        ("common", &["fleet-master", "fleet-minion"][..]),
        ("master", &["fleet-minion"]),
        ("minion", &["fleet-master"]),
    ] {
        let manifest = fs::read_to_string(workspace().join(member).join("Cargo.toml")).unwrap();
        for name in forbidden {
            assert!(!manifest.contains(name), "{member}/Cargo.toml must not name {name}");
        }
    }
}

#[test]
fn every_package_has_one_owner() {
    let mut faults = Vec::new();
    for source in sources() {
        for (package, owners) in OWNERS {
            if owners.iter().any(|owner| source.name.starts_with(owner)) {
                continue;
            }
            let used = |line: &str| {
                let path = format!("{package}::");
                let plain = line.trim_start();
                !plain.starts_with("//")
                    && (plain.starts_with(&format!("use {package}::"))
                        || line.match_indices(&path).any(|(at, _)| {
                            !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                        }))
            };
            faults.extend(hits(&source, used).map(|at| format!("{at}: {package} belongs to {owners:?}")));
        }
    }
    none(&faults);
}

#[test]
fn pure_parts_stay_pure() {
    let mut faults = Vec::new();
    for source in sources() {
        let Some(part) = source.name.strip_prefix("common/src/") else { continue };
        // A module's tests may do as those at the end of a file, which are cut from its code.
        if part.ends_with("/tests.rs") || IMPURE_ALLOWED.iter().any(|(name, _)| *name == source.name) {
            continue;
        }
        if PURE.iter().any(|pure| part.starts_with(pure)) {
            for name in IMPURE {
                let used = |line: &str| line.contains(name) && !line.trim_start().starts_with("//");
                faults.extend(hits(&source, used).map(|at| format!("{at}: pure code names {name}")));
            }
        }
    }
    none(&faults);
}

#[test]
fn files_and_functions_are_short() {
    let mut faults = Vec::new();
    for source in sources() {
        if source.name.ends_with("/tests.rs") || LONG.iter().any(|(name, _)| *name == source.name) {
            continue;
        }
        if source.code.len() > MAX_FILE {
            faults.push(format!("{}: {} lines", source.name, source.code.len()));
        }
        for (line, length) in functions(&source.code) {
            if length > MAX_FUNCTION {
                faults.push(format!("{}:{line}: a function of {length} lines", source.name));
            }
        }
    }
    none(&faults);
}

#[test]
fn nothing_is_left_open() {
    let mut faults = Vec::new();
    let words = ["todo!(", "unimplemented!(", "dbg!(", concat!("#[", "ignore")];
    for source in sources() {
        if source.name == "tests/tidy.rs" {
            continue;
        }
        for word in words {
            faults.extend(hits(&source, |line| line.contains(word)).map(|at| format!("{at}: {word}")));
        }
    }
    none(&faults);
}

#[test]
fn folders_have_no_logic_in_mod_rs() {
    let mut faults = Vec::new();
    for source in sources().into_iter().filter(|source| source.name.ends_with("/mod.rs")) {
        let logic = |line: &str| {
            let line = line
                .strip_prefix("pub(crate) ")
                .or(line.strip_prefix("pub(super) "))
                .or(line.strip_prefix("pub "))
                .unwrap_or(line);
            line.starts_with("fn ") || line.starts_with("async fn ")
        };
        faults.extend(hits(&source, logic).map(|at| format!("{at}: a free function in mod.rs")));
    }
    none(&faults);
}

#[test]
fn every_file_is_part_of_a_crate() {
    let mut faults = Vec::new();
    for source in sources() {
        let path = Path::new(&source.name);
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let folder = path.parent().unwrap();
        let root = ["lib", "main"].contains(&stem.as_str()) || folder.ends_with("bin") || folder == Path::new("tests");
        if root {
            continue;
        }
        let (name, mut parents) = if stem == "mod" {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            let above = folder.parent().unwrap();
            (name, vec![above.join("mod.rs"), above.join("lib.rs"), above.join("main.rs"), above.with_extension("rs")])
        } else {
            (stem, vec![folder.join("mod.rs"), folder.join("lib.rs"), folder.join("main.rs")])
        };
        parents.push(folder.with_extension("rs"));
        let declared = parents.iter().any(|parent| {
            let text = fs::read_to_string(workspace().join(parent)).unwrap_or_default();
            text.lines().any(|line| {
                [format!("mod {name};"), format!("mod r#{name};")]
                    .iter()
                    .any(|declared| line.trim_end().ends_with(declared))
                    || line.contains(&format!("mod {name} {{"))
            })
        });
        if !declared {
            faults.push(format!("{}: no 'mod {name};' in {parents:?}", source.name));
        }
    }
    none(&faults);
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "{} fault(s):\n{}", faults.len(), faults.join("\n"));
}

fn hits<'a>(source: &'a Source, wanted: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = String> + 'a {
    let lines = source.code.iter().enumerate();
    lines.filter(move |(_, line)| wanted(line)).map(|(index, _)| format!("{}:{}", source.name, index + 1))
}

/// First line and length of each function: rustfmt puts the closing brace at the indentation of the `fn`.
fn functions(code: &[String]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (index, line) in code.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let words: Vec<&str> = line.trim_start().split(' ').collect();
        let starts = words
            .iter()
            .take_while(|word| ["pub", "pub(crate)", "pub(super)", "async", "const", "unsafe", "extern"].contains(word))
            .count();
        if words.get(starts) != Some(&"fn") || line.trim_end().ends_with(';') {
            continue;
        }
        let end = code[index..].iter().position(|line| {
            line.starts_with(&format!("{}}}", " ".repeat(indent)))
                || (line.trim_end().ends_with('}') && line.len() - line.trim_start().len() == indent)
        });
        found.push((index + 1, end.unwrap_or(0) + 1));
    }
    found
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    for member in ["common", "master", "minion", "tests"] {
        collect(&workspace().join(member), &mut files);
    }
    assert!(files.len() > 30, "the sources were not found");
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let tests = lines.iter().position(|line| line == "#[cfg(test)]").unwrap_or(lines.len());
            let name = path.strip_prefix(workspace()).unwrap().to_string_lossy().into_owned();
            Source { name, code: lines[..tests].to_vec() }
        })
        .collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
