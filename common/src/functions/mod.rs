//! Functions without effect on a machine: shared by the minion's registry, pillar templates and Jinja's `salt[...]`.
//!
//! One file a module, one table a file. They see [`crate::call::Facts`] and nothing else.

mod banner;
pub mod config;
pub mod cp;
pub mod defaults;
mod filter;
pub mod grains;
pub mod hashutil;
pub mod jinja;
pub mod log;
pub mod matching;
mod option_defaults;
pub mod pillar;
pub mod random;
pub mod salt_version;
pub mod sdb;
pub mod slsutil;
mod snapshot;
pub mod test;
pub(crate) mod twister;

use crate::call::PureModule;

/// All modules; a program's own modules may share a module's name but none of its functions.
pub const MODULES: &[&PureModule] = &[
    &config::MODULE,
    &cp::MODULE,
    &defaults::MODULE,
    &grains::MODULE,
    &hashutil::MODULE,
    &jinja::MODULE,
    &log::MODULE,
    &matching::MODULE,
    &pillar::MODULE,
    &random::MODULE,
    &salt_version::MODULE,
    &sdb::MODULE,
    &slsutil::MODULE,
    &test::answers::MODULE,
    &test::chance::MODULE,
    &test::failures::MODULE,
    &test::versions::MODULE,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_documented() {
        let mut seen = BTreeSet::new();
        for module in MODULES {
            assert!(!module.doc.is_empty(), "{}", module.name);
            for function in module.functions {
                assert!(seen.insert((module.name, function.name)), "{}.{} twice", module.name, function.name);
                assert!(!function.doc.is_empty(), "{}.{}", module.name, function.name);
                let name = format!("{}.{}", module.name, function.name);
                let example = function.example.split_whitespace().next();
                assert_eq!(example, Some(name.as_str()), "the example of {name} shows another function");
            }
        }
    }
}
