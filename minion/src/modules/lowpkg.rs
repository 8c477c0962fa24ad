//! `lowpkg.*`: what is installed, asked of the tool below the package manager.

use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::Map;

use super::pkg::{Names, file_dict, file_list, packages};
use crate::cx::{Look, Module};

/// The module.
pub const MODULE: Module = Module {
    name: "lowpkg",
    doc: "What is installed, asked of dpkg or rpm.",
    functions: &[
        Function::reads(
            "list_pkgs",
            "Versions of the installed packages: of all, or of those named.",
            "lowpkg.list_pkgs bash",
            Names::ROWS,
            list_pkgs,
        ),
        Function::reads(
            "file_list",
            "The files of packages.",
            "lowpkg.file_list bash",
            Names::ROWS,
            |look, arguments| file_list(look, "lowpkg.file_list", arguments),
        ),
        Function::reads(
            "file_dict",
            "The files of packages, by package.",
            "lowpkg.file_dict bash",
            Names::ROWS,
            |look, arguments| file_dict(look, "lowpkg.file_dict", arguments),
        ),
    ],
};

fn list_pkgs(look: &Look, arguments: Arguments) -> CallResult {
    let names = Names::bind("lowpkg.list_pkgs", arguments)?.names;
    let mut all = packages(look, "lowpkg.list_pkgs")?.installed()?;
    if names.is_empty() {
        return Ok(all.into_iter().collect::<Map>().into());
    }
    let mut found = Map::new();
    for name in names {
        let missing = || CallError::Failed(format!("no packages found matching {name}"));
        let version = all.remove(&name).ok_or_else(missing)?;
        found.insert(name, version);
    }
    Ok(found.into())
}
