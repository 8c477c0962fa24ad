//! Outputters: how what a command returns is printed. A table; one file each.
//!
//! Pure: data and options in, text out. What an outputter can not lay out is printed by `nested`.

pub mod color;
mod highstate;
mod json;
mod key;
mod nested;
mod newline_values_only;
mod no_return;
mod options;
mod pprint;
mod profile;
mod quiet;
mod raw;
mod render;
mod table;
mod txt;
mod wrap;
mod yaml;

pub use options::{Indent, OutputOptions, Tabular};
pub use render::render;

use crate::value::Value;

/// One way to print data.
pub struct Outputter {
    /// The name given with `--out`.
    pub name: &'static str,
    /// One line for help.
    pub about: &'static str,
    /// The text, or `None` for data this layout is not made for.
    pub render: fn(&Value, &OutputOptions) -> Option<String>,
}

/// All outputters, by name.
pub const OUTPUTTERS: &[Outputter] = &[
    Outputter { name: "highstate", about: "state runs, with a summary", render: highstate::render },
    Outputter { name: "json", about: "JSON, indented", render: json::render },
    Outputter { name: "key", about: "key lists by status", render: key::render },
    Outputter { name: "nested", about: "indented lines, the default", render: nested::render },
    Outputter {
        name: "newline_values_only",
        about: "values without minion names",
        render: newline_values_only::render,
    },
    Outputter { name: "no_return", about: "minions that did not return", render: no_return::render },
    Outputter { name: "pprint", about: "Python literals, wrapped", render: pprint::render },
    Outputter { name: "profile", about: "a state run's durations as a table", render: profile::render },
    Outputter { name: "quiet", about: "nothing", render: quiet::render },
    Outputter { name: "raw", about: "Python literals on one line", render: raw::render },
    Outputter { name: "table", about: "lists of mappings as tables", render: table::render },
    Outputter { name: "txt", about: "a line for each line of text, with the minion's name", render: txt::render },
    Outputter { name: "yaml", about: "YAML blocks", render: yaml::render },
];
