//! Packages, whatever manages them: what the functions and states of `pkg` ask of a package manager.
//!
//! One folder per manager beside this one (`system/apt`, `system/dnf`) answers; nothing above asks which it is, save the
//! functions that only one of them has.

mod file;
mod scheme;
mod step;

use std::collections::BTreeMap;

use fleet_common::value::{Map, Value};

pub(in crate::system) use file::file_facts;
pub use scheme::{Scheme, without_epoch};
pub use step::{Changes, InstallOptions, PackageError, Repositories, Step};

/// Packages and their versions by name.
pub type Versions = BTreeMap<String, String>;

/// A package manager of this machine, as one job sees it.
pub trait Packages {
    /// How its versions are compared.
    fn scheme(&self) -> Scheme;

    /// Endings of names that say no more than the name alone, with their separator (`:amd64`, `.noarch`).
    fn own_endings(&self) -> Vec<String>;

    /// What it is told to bring in this version of a package.
    fn word(&self, name: &str, version: &str) -> String;

    /// True when held packages are changed unless that is forbidden.
    fn changes_held(&self) -> bool {
        false
    }

    /// True when the configuration of a removed package stays until it is purged.
    fn keeps_configuration(&self) -> bool {
        false
    }

    /// Installed packages and their versions; several versions of one are separated by commas.
    fn installed(&self) -> Result<Versions, PackageError>;

    /// Everything of which something is there, configuration included.
    fn known(&self) -> Result<Versions, PackageError>;

    /// The version it would install of each package; packages without one are left out.
    fn candidates(&self, names: &[String], from: &Repositories) -> Result<Versions, PackageError>;

    /// The versions the indexes offer of a package, newest first.
    fn offered(&self, name: &str) -> Result<Vec<String>, PackageError>;

    /// True when the indexes are younger than so many seconds.
    fn is_fresh(&self, seconds: i64) -> bool;

    /// Fetches the indexes. By source, where it tells them apart: true for news, false for none, nothing for an error.
    fn refresh(&self) -> Result<BTreeMap<String, Option<bool>>, PackageError>;

    /// What `pkg.refresh_db` answers.
    fn refreshed(&self, sources: BTreeMap<String, Option<bool>>) -> Value;

    /// What a step would change. Nothing is fetched and nothing changed.
    fn simulate(&self, step: &Step, options: &InstallOptions) -> Result<Changes, PackageError>;

    /// Does a step.
    fn carry_out(&self, step: &Step, options: &InstallOptions) -> Result<(), PackageError>;

    /// What is wanted of packages: `hold` for those that stay at their version.
    fn wants(&self) -> Result<BTreeMap<String, String>, PackageError>;

    /// Tells it what is wanted of packages: `(name, "hold")`, or `(name, word)` with a word of [`Self::free`].
    fn select(&self, wanted: &[(String, String)]) -> Result<(), PackageError>;

    /// What is wanted of packages that are not held, as changes tell it: before a hold, and after it ends.
    fn free(&self) -> Free;

    /// Package files that were fetched and kept, by name and version.
    fn downloaded(&self) -> Result<Map, PackageError>;

    /// The files of an installed package, or why there are none.
    fn files(&self, name: &str) -> Result<Result<Vec<String>, String>, PackageError>;

    /// The package a file belongs to; empty for none.
    fn owner(&self, path: &str) -> Result<String, PackageError>;

    /// What installed packages say of themselves, by listed name: those named, or all. Names that are not there are
    /// errors when `all` is asked for.
    fn told(&self, names: &[String], all: bool) -> Result<Vec<(String, Map)>, PackageError>;
}

/// The word for packages that are not held, and how their end of being held is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Free {
    /// What is wanted of them.
    pub word: &'static str,
    /// `Package a ….` when it is free already.
    pub already: &'static str,
    /// `Package a ….` when it would be freed.
    pub would: &'static str,
    /// `Package a ….` when it was freed.
    pub did: &'static str,
}
