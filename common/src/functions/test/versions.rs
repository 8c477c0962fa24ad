//! `test.*` that say what this program and the system are made of.

use super::{DOC, Nothing, Row};
use crate::call::{Arguments, CallResult, Facts, Module, PureModule};
use crate::value::{Map, Value, python};

/// The module.
pub const MODULE: PureModule = Module {
    name: "test",
    doc: DOC,
    functions: &[
        Row::reads(
            "versions_information",
            "The versions of this program and of the system.",
            "test.versions_information",
            Nothing::ROWS,
            |facts, arguments| {
                Nothing::bind("test.versions_information", arguments)?;
                let shown = |(title, rows): (&'static str, Vec<Fact>)| (title, rows.into_iter().collect::<Map>());
                Ok(versions(facts).into_iter().map(shown).collect::<Map>().into())
            },
        ),
        Row::reads(
            "versions_report",
            "The versions of this program and of the system, as text.",
            "test.versions_report",
            Nothing::ROWS,
            |facts, arguments| report(facts, "test.versions_report", arguments),
        ),
        Row::reads(
            "versions",
            "The versions of this program and of the system, as text (another name of test.versions_report).",
            "test.versions",
            Nothing::ROWS,
            |facts, arguments| report(facts, "test.versions", arguments),
        ),
    ],
};

type Fact = (&'static str, Value);

/// What the versions are of, by title.
fn versions(facts: &dyn Facts) -> [(&'static str, Vec<Fact>); 2] {
    let grains = facts.grains();
    let text = |name: &str| grains.get(name).map(python::str_).unwrap_or_default();
    let dist = format!("{} {} {}", text("os").to_lowercase(), text("osrelease"), text("oscodename"));
    let system = vec![
        ("dist", dist.trim().into()),
        ("locale", "utf-8".into()),
        ("machine", text("cpuarch").into()),
        ("release", text("kernelrelease").into()),
        ("system", text("kernel").into()),
        ("version", format!("{} {}", text("osfullname"), text("osrelease")).trim().into()),
    ];
    [("Salt Version", vec![("Salt", env!("CARGO_PKG_VERSION").into())]), ("System Versions", system)]
}

fn report(facts: &dyn Facts, function: &str, arguments: Arguments) -> CallResult {
    Nothing::bind(function, arguments)?;
    let groups = versions(facts);
    let width = groups.iter().flat_map(|(_, rows)| rows).map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (title, rows) in groups {
        lines.push(format!("{title}:"));
        lines.extend(rows.into_iter().map(|(name, value)| format!("  {name:>width$}: {}", python::str_(&value))));
        lines.push(" ".to_owned());
    }
    Ok(lines.join("\n").into())
}
