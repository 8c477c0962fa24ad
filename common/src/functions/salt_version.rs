//! `salt_version.*`: how the release of the reference that this one goes by compares with a named one.
//!
//! Trees ask this to tell which functions and arguments there are.

use std::cmp::Ordering;

use crate::args;
use crate::call::{Arguments, CallError, CallResult, Code, Facts, Function, Module, PureModule};
use crate::value::Value;

/// The version of the reference whose behaviour is ours; trees test it before they use newer features.
pub const COMPATIBLE: [u32; 2] = [3007, 14];

/// Releases of the reference by name, oldest first; the published list.
const RELEASES: &[(&str, &str)] = &[
    ("hydrogen", "2014.1"),
    ("helium", "2014.7"),
    ("lithium", "2015.5"),
    ("beryllium", "2015.8"),
    ("boron", "2016.3"),
    ("carbon", "2016.11"),
    ("nitrogen", "2017.7"),
    ("oxygen", "2018.3"),
    ("fluorine", "2019.2"),
    ("neon", "3000"),
    ("sodium", "3001"),
    ("magnesium", "3002"),
    ("aluminium", "3003"),
    ("silicon", "3004"),
    ("phosphorus", "3005"),
    ("sulfur", "3006"),
    ("chlorine", "3007"),
    ("argon", "3008"),
    ("potassium", "3009"),
    ("calcium", "3010"),
    ("scandium", "3011"),
];

/// The module.
pub const MODULE: PureModule = Module {
    name: "salt_version",
    doc: "How the release of the reference that this one goes by compares with a named one.",
    functions: &[
        row("equal", "True if it is the named one.", "salt_version.equal Chlorine", |_, arguments| {
            compared("salt_version.equal", arguments, Ordering::is_eq)
        }),
        row("greater_than", "True if it is newer.", "salt_version.greater_than Oxygen", |_, arguments| {
            compared("salt_version.greater_than", arguments, Ordering::is_gt)
        }),
        row("less_than", "True if it is older.", "salt_version.less_than Argon", |_, arguments| {
            compared("salt_version.less_than", arguments, Ordering::is_lt)
        }),
        row(
            "get_release_number",
            "The number of a named release; nothing for a name that is none.",
            "salt_version.get_release_number Oxygen",
            |_, arguments| Ok(number(&name("salt_version.get_release_number", arguments)?).map(Value::from).into()),
        ),
    ],
};

const fn row(
    name: &'static str,
    doc: &'static str,
    example: &'static str,
    code: fn(&dyn Facts, Arguments) -> CallResult,
) -> Function<dyn Facts, std::convert::Infallible> {
    Function { name, quick: true, doc, example, args: Release::ROWS, code: Code::Reads(code) }
}

args! {
    /// A release of the reference.
    pub struct Release {
        /// Its name, in whatever case.
        name: Value,
    }
}

fn name(function: &str, arguments: Arguments) -> Result<String, CallError> {
    match Release::bind(function, arguments)?.name {
        Value::Str(name) => Ok(name),
        _ => Err(CallError::Invocation("'name' argument must be a string".to_owned())),
    }
}

fn number(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    RELEASES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// The parts of `2018.3` or `3007.14`; a part that is no number ends them.
fn parts(version: &str) -> Vec<u32> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

fn compared(function: &str, arguments: Arguments, fits: fn(Ordering) -> bool) -> CallResult {
    let Some(wanted) = number(&name(function, arguments)?) else { return Ok(false.into()) };
    let wanted = parts(wanted);
    // `3007` means every release of 3007.
    let ours = &COMPATIBLE[..wanted.len().min(COMPATIBLE.len())];
    Ok(fits(ours.cmp(&wanted)).into())
}
