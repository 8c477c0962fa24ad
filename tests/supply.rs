//! Where dependencies come from and under which licences: read from cargo's own metadata.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the metadata must fail")]

use std::process::Command;

/// Licences that may be in a program of ours.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "Unlicense",
    "CC0-1.0",
    "0BSD",
    "MPL-2.0",
    "BSL-1.0",
    "MIT-0",
    "CDLA-Permissive-2.0",
];

#[test]
fn dependencies_come_from_the_registry_under_free_licences() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50);
    let mut faults = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        if let Some(source) = package["source"].as_str()
            && !source.starts_with("registry+")
        {
            faults.push(format!("{name} comes from {source}"));
        }
        let licence = package["license"].as_str().unwrap_or("none");
        // Any alternative of an OR will do; all parts of an AND must be free.
        let free = licence.replace('/', " OR ").split(" OR ").any(|choice| {
            choice.split(" AND ").all(|part| {
                LICENCES.contains(&part.trim().trim_matches(['(', ')']).split(" WITH ").next().unwrap_or(""))
            })
        });
        if !free {
            faults.push(format!("{name} has the licence {licence}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
