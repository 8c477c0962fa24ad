//! The pages of the documentation about execution and state modules, made from the tables that run.

use std::collections::BTreeMap;
use std::fmt::Write;

use fleet_common::call::document::{Described, argument_text};
use fleet_common::call::{ArgRow, Effect, Row};

use crate::registry;
use crate::states::{STATES, StateModule};

/// Said on top of every page.
const MADE: &str = "<!-- Made by `cargo pages` from the tables in the code; changes here are lost. -->";

/// All pages: path below `docs/` and text. `compat` is the text of `docs/compat.md`, whose rows about a module are
/// repeated on its page.
pub fn all(compat: &str) -> BTreeMap<String, String> {
    let functions = registry::functions();
    let mut pages = BTreeMap::new();
    let mut index = format!("{MADE}\n\n# Execution modules\n\n");
    for (module, doc) in functions.modules() {
        let rows: Vec<Row> = functions.rows().filter(|row| row.module == module).collect();
        pages.insert(format!("modules/{module}.md"), module_page(module, doc, &rows, compat));
        let _ = writeln!(index, "- [{module}]({module}.md): {doc}");
    }
    pages.insert("modules/README.md".to_owned(), index);
    let mut index = format!("{MADE}\n\n# State modules\n\n");
    let mut states = STATES.to_vec();
    states.sort_unstable_by_key(|module| module.name);
    for module in states {
        pages.insert(format!("states/{}.md", module.name), state_page(module, compat));
        let _ = writeln!(index, "- [{0}]({0}.md): {1}", module.name, module.doc);
    }
    pages.insert("states/README.md".to_owned(), index);
    pages
}

fn module_page(module: &str, doc: &str, rows: &[Row], compat: &str) -> String {
    let mut page = format!("{MADE}\n\n# {module}\n\n{doc}\n");
    for row in rows {
        let effect = match row.effect {
            Effect::None => "Reads only.",
            Effect::Changes => "May change the machine.",
        };
        let _ = write!(page, "\n## {}.{}\n\n{}\n\n{effect}\n", row.module, row.name, row.doc);
        arguments(&mut page, row.args);
        let _ = write!(page, "\n    saltctl '*' {}\n", row.example);
    }
    differences(&mut page, module, compat);
    page
}

fn state_page(module: &StateModule, compat: &str) -> String {
    let mut page = format!("{MADE}\n\n# {}\n\n{}\n", module.name, module.doc);
    if module.reacts {
        page.push_str("\nStates of this module act when something they `watch` changed.\n");
    }
    for function in module.functions {
        let _ = write!(page, "\n## {}.{}\n\n{}\n", module.name, function.name, function.doc);
        arguments(&mut page, function.args);
        let _ = write!(page, "\n    {}\n", function.example);
    }
    differences(&mut page, module.name, compat);
    page
}

fn arguments(page: &mut String, rows: &[ArgRow]) {
    if rows.is_empty() {
        page.push_str("\nNo arguments.\n");
        return;
    }
    page.push_str("\n| argument | takes | meaning |\n| --- | --- | --- |\n");
    for row in rows {
        let Described { name, takes, doc } = argument_text(row);
        let _ = writeln!(page, "| `{name}` | {} | {} |", cell(&takes), cell(&doc));
    }
}

/// A bar would end the cell, a star could begin a stress.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('*', "\\*")
}

/// The rows of the page on compatibility whose subject names the module or one of its functions.
fn differences(page: &mut String, module: &str, compat: &str) {
    let (dotted, alone) = (format!("`{module}."), format!("`{module}`"));
    let is_about = |line: &&str| {
        let subject = line.strip_prefix("| ").and_then(|row| row.split(" | ").next()).unwrap_or_default();
        subject.contains(&dotted) || subject.contains(&alone)
    };
    let rows: Vec<&str> = compat.lines().filter(is_about).collect();
    if !rows.is_empty() {
        page.push_str("\n## Differences\n\n| what | the reference | here | why |\n| --- | --- | --- | --- |\n");
        for row in rows {
            let _ = writeln!(page, "{row}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_the_tables_say() {
        let compat =
            "| what | ref | here | why |\n| `timezone.set_zone` of x | a | b | c |\n| other | `timezone.y` | b | c |\n";
        let pages = all(compat);
        let page = &pages["modules/timezone.md"];
        assert!(page.contains("## timezone.set_zone") && page.contains("| `timezone` | str, required |"), "{page}");
        assert!(page.contains("saltctl '*' timezone.set_zone Europe/Berlin"));
        assert!(page.contains("| `timezone.set_zone` of x |") && !page.contains("| other |"), "{page}");
        assert!(pages["states/timezone.md"].contains("| `utc` | bool, default True |"));
        assert!(pages["states/README.md"].contains("[timezone](timezone.md)"));
    }
}
