//! Writes the pages about modules and states below `docs/`; those of modules that are gone are removed.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    match write(&docs) {
        Ok(count) => {
            println!("{count} pages below docs/modules and docs/states");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", docs.display());
            ExitCode::FAILURE
        }
    }
}

fn write(docs: &Path) -> std::io::Result<usize> {
    let pages = fleet_minion::pages::all(&std::fs::read_to_string(docs.join("compat.md"))?);
    for folder in ["modules", "states"] {
        std::fs::create_dir_all(docs.join(folder))?;
        for entry in std::fs::read_dir(docs.join(folder))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !pages.contains_key(&format!("{folder}/{name}")) {
                std::fs::remove_file(path)?;
            }
        }
    }
    for (path, text) in &pages {
        std::fs::write(docs.join(path), text)?;
    }
    Ok(pages.len())
}
