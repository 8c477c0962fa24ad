//! The pages about modules and states are those that the tables give now.

use std::path::Path;

#[test]
fn pages_are_those_of_the_tables() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let pages = fleet_minion::pages::all(&std::fs::read_to_string(docs.join("compat.md")).unwrap());
    for (path, text) in &pages {
        let written = std::fs::read_to_string(docs.join(path)).unwrap_or_default();
        assert!(&written == text, "docs/{path} is out of step: run `cargo pages`");
    }
    for folder in ["modules", "states"] {
        for entry in std::fs::read_dir(docs.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let path = format!("{folder}/{name}");
            assert!(pages.contains_key(&path), "docs/{path} is of no module: run `cargo pages`");
        }
    }
}
