//! `jinja.*`: what the maps and data files of the tree hold, as templates see them.

use super::snapshot::{environment, scope};
use crate::args;
use crate::call::{Arguments, CallError, CallResult, Code, Facts, Function, Module, PureModule};
use crate::render::Template;
use crate::value::{Map, json_load};

/// The module.
pub const MODULE: PureModule = Module {
    name: "jinja",
    doc: "What the maps and data files of the tree hold, as templates see them.",
    functions: &[
        Function {
            name: "load_map",
            quick: false,
            doc: "The value of a name that a template exports.",
            example: "jinja.load_map template-formula/map.jinja template",
            args: LoadMap::ROWS,
            code: Code::Reads(|facts, arguments| {
                let given = LoadMap::bind("jinja.load_map", arguments)?;
                if !given.value.chars().all(|c| c.is_alphanumeric() || c == '_') {
                    return Err(CallError::Invocation(format!("'{}' is no name", given.value)));
                }
                let import =
                    format!("{{% from {} import {} as imported with context %}}", quoted(&given.path), given.value);
                data(facts, &given.path, &import)
            }),
        },
        Function {
            name: "import_yaml",
            quick: false,
            doc: "The data of a YAML file, rendered as a template before.",
            example: "jinja.import_yaml foo/defaults.yaml",
            args: Import::ROWS,
            code: Code::Reads(|facts, arguments| import(facts, "yaml", arguments)),
        },
        Function {
            name: "import_json",
            quick: false,
            doc: "The data of a JSON file, rendered as a template before.",
            example: "jinja.import_json foo/defaults.json",
            args: Import::ROWS,
            code: Code::Reads(|facts, arguments| import(facts, "json", arguments)),
        },
    ],
};

args! {
    /// Arguments of `jinja.load_map`.
    pub struct LoadMap {
        /// The template.
        path: String,
        /// The name.
        value: String,
    }
}

args! {
    /// Arguments of `jinja.import_yaml` and `jinja.import_json`.
    pub struct Import {
        /// The file.
        path: String,
    }
}

fn import(facts: &dyn Facts, format: &str, arguments: Arguments) -> CallResult {
    let given = Import::bind(&format!("jinja.import_{format}"), arguments)?;
    let tag = format!("{{% import_{format} {} as imported %}}", quoted(&given.path));
    data(facts, &given.path, &tag)
}

/// A text as a literal of a template.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn data(facts: &dyn Facts, path: &str, import: &str) -> CallResult {
    let text = format!("{import}{{{{ imported|json }}}}");
    let scope = scope(facts, environment(facts), Map::new());
    let rendered = facts.renderer().text(&scope, &Template { text: &text, path, sls: None });
    let json = rendered.map_err(CallError::Diagnostic)?;
    json_load::parse(&json).map(Into::into).map_err(|error| CallError::Failed(error.to_string()))
}
