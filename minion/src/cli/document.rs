//! What `saltcall -d` and a call with wrong arguments print of a function: its usage, its arguments, an example.

use std::fmt::Write;

use fleet_common::call::{Registry, Rest, Row};
use fleet_common::value::python::repr;

use crate::modules::sys;

/// The text for one function.
pub(super) fn function(row: &Row) -> String {
    let mut text = format!("{}.{}:\n\n", row.module, row.name);
    for line in row.doc.lines() {
        let _ = writeln!(text, "    {line}");
    }
    if !row.args.is_empty() {
        text.push_str("\n    Arguments:\n");
    }
    for argument in row.args {
        let stars = match argument.rest {
            Rest::No => "",
            Rest::Positional => "*",
            Rest::Keyword => "**",
        };
        let default = match argument.default {
            None => ", required".to_owned(),
            Some("") => String::new(),
            Some(default) => format!(", default {}", repr(&sys::default(default))),
        };
        let doc = argument.doc.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "      {stars}{} ({}{default}): {}", argument.name, argument.kind, doc.trim());
    }
    let _ = writeln!(text, "\n    Example:\n      {}", row.example);
    text
}

/// The texts for all functions whose name starts with `prefix` (a module, or a function).
pub(super) fn matching<R: ?Sized, W: ?Sized>(functions: &Registry<R, W>, prefix: Option<&str>) -> String {
    let wanted = |row: &Row| {
        let name = format!("{}.{}", row.module, row.name);
        prefix.is_none_or(|prefix| name == prefix || name.starts_with(&format!("{prefix}.")))
    };
    functions.rows().filter(wanted).map(|row| function(&row)).collect::<Vec<_>>().join("\n")
}
